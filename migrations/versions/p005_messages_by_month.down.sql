-- ringfence: transaction: none
-- Undoes p005: the first partition becomes the table again, and takes in what later ones hold. That
-- is quick as long as they hold little.

CREATE UNIQUE INDEX CONCURRENTLY pk_whatsapp_messages_id
    ON messaging.whatsapp_messages_first (id);
CREATE UNIQUE INDEX CONCURRENTLY pk_whatsapp_messages_again
    ON messaging.whatsapp_messages_first (id, created_at);

-- All of the rest at once, or nothing of it.
DO $swap$
DECLARE
    v_columns TEXT;
    v_until TIMESTAMPTZ;
BEGIN
    LOCK TABLE messaging.whatsapp_messages IN ACCESS EXCLUSIVE MODE;
    SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)')::TIMESTAMPTZ
    INTO v_until
    FROM pg_class AS c
    WHERE c.oid = 'messaging.whatsapp_messages_first'::REGCLASS;

    -- No key changes when rows move; and whoever runs this may be bound by the policies.
    DROP TRIGGER trg_whatsapp_messages_key ON messaging.whatsapp_messages;
    DROP TRIGGER trg_whatsapp_messages_key_changed ON messaging.whatsapp_messages;
    DROP TRIGGER trg_whatsapp_messages_keys_forgotten ON messaging.whatsapp_messages;
    DROP TRIGGER trg_whatsapp_messages_tenant ON messaging.whatsapp_messages;
    ALTER TABLE messaging.whatsapp_messages NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE messaging.whatsapp_messages_first NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE messaging.whatsapp_message_keys NO FORCE ROW LEVEL SECURITY;

    ALTER TABLE messaging.whatsapp_messages DETACH PARTITION messaging.whatsapp_messages_first;
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
    INTO v_columns
    FROM pg_attribute AS a
    WHERE
        a.attrelid = 'messaging.whatsapp_messages'::REGCLASS
        AND a.attnum > 0 AND NOT a.attisdropped;
    EXECUTE format(
        'INSERT INTO messaging.whatsapp_messages_first (%1$s)'
        ' SELECT %1$s FROM messaging.whatsapp_messages', v_columns
    );
    EXECUTE format(
        'ALTER TABLE messaging.whatsapp_messages_first'
        ' ADD CONSTRAINT chk_whatsapp_messages_first CHECK (created_at < %L) NOT VALID',
        GREATEST(
            v_until,
            (date_trunc('month', now() AT TIME ZONE 'UTC') + INTERVAL '2 months') AT TIME ZONE 'UTC',
            (SELECT MAX(m.created_at) + INTERVAL '1 month' FROM messaging.whatsapp_messages AS m)
        )
    );

    ALTER TABLE messaging.whatsapp_messages RENAME TO whatsapp_messages_by_month;
    ALTER TABLE messaging.whatsapp_messages_first RENAME TO whatsapp_messages;
    CREATE OR REPLACE VIEW messaging.vw_whatsapp_metrics AS
    SELECT
        wa.tenant_id,
        wa.id AS account_id,
        wa.phone_number,
        wa.display_name,
        wa.quality_rating,
        (
            SELECT COUNT(*) FROM messaging.whatsapp_conversations AS c
            WHERE c.account_id = wa.id AND c.created_at > CURRENT_DATE - 30
        ) AS conversations_30d,
        (
            SELECT COUNT(*) FROM messaging.whatsapp_messages AS m
            INNER JOIN messaging.whatsapp_conversations AS c ON c.id = m.conversation_id
            WHERE
                c.account_id = wa.id AND m.direction = 'outbound'
                AND m.created_at > CURRENT_DATE - 30
        ) AS messages_sent_30d,
        (
            SELECT COUNT(*) FROM messaging.whatsapp_messages AS m
            INNER JOIN messaging.whatsapp_conversations AS c ON c.id = m.conversation_id
            WHERE
                c.account_id = wa.id AND m.direction = 'inbound'
                AND m.created_at > CURRENT_DATE - 30
        ) AS messages_received_30d,
        (
            SELECT COUNT(*) FROM messaging.whatsapp_conversations AS c
            WHERE c.account_id = wa.id AND c.status = 'open'
        ) AS open_conversations
    FROM messaging.whatsapp_accounts AS wa
    WHERE wa.is_active = true;
    IF current_setting('server_version_num')::INT >= 150000 THEN
        EXECUTE 'ALTER VIEW messaging.vw_whatsapp_metrics SET (security_invoker = true)';
    END IF;
    DROP FUNCTION messaging.partition_messages(INT);
    DROP TABLE messaging.whatsapp_messages_by_month;

    ALTER TABLE messaging.whatsapp_messages DROP CONSTRAINT whatsapp_messages_first_pkey;
    ALTER TABLE messaging.whatsapp_messages
        ADD CONSTRAINT whatsapp_messages_pkey PRIMARY KEY USING INDEX pk_whatsapp_messages_id;
    ALTER INDEX messaging.pk_whatsapp_messages_again RENAME TO pk_whatsapp_messages_first;
    ALTER TABLE messaging.whatsapp_messages
        RENAME CONSTRAINT uq_whatsapp_messages_first TO uq_whatsapp_messages;
    ALTER INDEX messaging.idx_whatsapp_messages_first_by_conversation
        RENAME TO idx_whatsapp_messages_by_conversation;
    ALTER INDEX messaging.idx_whatsapp_messages_first_wa_id RENAME TO idx_whatsapp_messages_wa_id;
    ALTER INDEX messaging.idx_whatsapp_messages_first_direction
        RENAME TO idx_whatsapp_messages_direction;
    ALTER INDEX messaging.idx_whatsapp_messages_first_by_date
        RENAME TO idx_whatsapp_messages_by_date;
    ALTER INDEX messaging.idx_whatsapp_messages_first_status
        RENAME TO idx_whatsapp_messages_status;

    CREATE TRIGGER trg_whatsapp_messages_tenant
        BEFORE INSERT OR UPDATE ON messaging.whatsapp_messages
        FOR EACH ROW
        WHEN (NEW.tenant_id IS NULL)
        EXECUTE FUNCTION messaging.tenant_of_conversation();

    CREATE TRIGGER trg_whatsapp_messages_key
        AFTER INSERT OR DELETE ON messaging.whatsapp_messages
        FOR EACH ROW
        EXECUTE FUNCTION messaging.keep_message_key();

    CREATE TRIGGER trg_whatsapp_messages_key_changed
        AFTER UPDATE OF id, tenant_id, conversation_id, wa_message_id ON messaging.whatsapp_messages
        FOR EACH ROW
        WHEN ((OLD.id, OLD.tenant_id, OLD.conversation_id, OLD.wa_message_id)
        IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.conversation_id, NEW.wa_message_id))
        EXECUTE FUNCTION messaging.keep_message_key();

    CREATE TRIGGER trg_whatsapp_messages_keys_forgotten
        AFTER TRUNCATE ON messaging.whatsapp_messages
        FOR EACH STATEMENT
        EXECUTE FUNCTION messaging.forget_message_keys();

    GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.whatsapp_messages TO app_user;
END;
$swap$;

ALTER TABLE messaging.whatsapp_messages VALIDATE CONSTRAINT chk_whatsapp_messages_first;
