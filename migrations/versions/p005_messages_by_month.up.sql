-- p005: the table becomes the first partition of one that is partitioned by month, and the
-- application goes on with the new one under the old name. No row is copied or read: p004 has built
-- and proved what that takes.

LOCK TABLE messaging.whatsapp_messages IN ACCESS EXCLUSIVE MODE;

DROP TRIGGER trg_whatsapp_messages_tenant ON messaging.whatsapp_messages;
DROP TRIGGER trg_whatsapp_messages_key ON messaging.whatsapp_messages;
DROP TRIGGER trg_whatsapp_messages_key_changed ON messaging.whatsapp_messages;
DROP TRIGGER trg_whatsapp_messages_keys_forgotten ON messaging.whatsapp_messages;

-- ringfence: ignore M028 because a table of this name takes its place in the same transaction
ALTER TABLE messaging.whatsapp_messages RENAME TO whatsapp_messages_first;
ALTER TABLE messaging.whatsapp_messages_first DROP CONSTRAINT whatsapp_messages_pkey;
ALTER TABLE messaging.whatsapp_messages_first
    ADD CONSTRAINT whatsapp_messages_first_pkey PRIMARY KEY USING INDEX pk_whatsapp_messages_first;
ALTER TABLE messaging.whatsapp_messages_first
    RENAME CONSTRAINT uq_whatsapp_messages TO uq_whatsapp_messages_first;
ALTER INDEX messaging.idx_whatsapp_messages_by_conversation
RENAME TO idx_whatsapp_messages_first_by_conversation;
ALTER INDEX messaging.idx_whatsapp_messages_wa_id RENAME TO idx_whatsapp_messages_first_wa_id;
ALTER INDEX messaging.idx_whatsapp_messages_direction
RENAME TO idx_whatsapp_messages_first_direction;
ALTER INDEX messaging.idx_whatsapp_messages_by_date RENAME TO idx_whatsapp_messages_first_by_date;
ALTER INDEX messaging.idx_whatsapp_messages_status RENAME TO idx_whatsapp_messages_first_status;

CREATE TABLE messaging.whatsapp_messages (
    LIKE messaging.whatsapp_messages_first INCLUDING DEFAULTS INCLUDING COMMENTS,

    CONSTRAINT whatsapp_messages_pkey PRIMARY KEY (id, created_at),
    CONSTRAINT fk_whatsapp_messages_conversation
    FOREIGN KEY (tenant_id, conversation_id)
    REFERENCES messaging.whatsapp_conversations (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT chk_whatsapp_messages_direction CHECK (direction IN ('inbound', 'outbound')),
    CONSTRAINT chk_whatsapp_messages_type CHECK (message_type IN (
        'text', 'image', 'document', 'audio', 'video', 'sticker',
        'location', 'contacts', 'interactive', 'template', 'reaction', 'unknown'
    )),
    CONSTRAINT chk_whatsapp_messages_status CHECK (status IN (
        'pending', 'sent', 'delivered', 'read', 'failed'
    ))
) PARTITION BY RANGE (created_at);

ALTER TABLE messaging.whatsapp_messages OWNER TO app_owner;

CREATE INDEX idx_whatsapp_messages_by_conversation
    ON messaging.whatsapp_messages (conversation_id, tenant_id, created_at DESC);
CREATE INDEX idx_whatsapp_messages_wa_id ON messaging.whatsapp_messages (wa_message_id);
CREATE INDEX idx_whatsapp_messages_direction ON messaging.whatsapp_messages (direction);
CREATE INDEX idx_whatsapp_messages_by_date
    ON messaging.whatsapp_messages (tenant_id, created_at DESC);
CREATE INDEX idx_whatsapp_messages_status ON messaging.whatsapp_messages (status)
    WHERE status IN ('pending', 'failed');

DO $$
BEGIN
    EXECUTE format(
        'ALTER TABLE messaging.whatsapp_messages'
        ' ATTACH PARTITION messaging.whatsapp_messages_first FOR VALUES FROM (MINVALUE) TO (%L)',
        (
            SELECT substring(pg_get_constraintdef(c.oid) FROM '''([^'']+)''')::TIMESTAMPTZ
            FROM pg_constraint AS c
            WHERE
                c.conrelid = 'messaging.whatsapp_messages_first'::REGCLASS
                AND c.conname = 'chk_whatsapp_messages_first'
        )
    );
END;
$$;

ALTER TABLE messaging.whatsapp_messages_first DROP CONSTRAINT chk_whatsapp_messages_first;

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

ALTER TABLE messaging.whatsapp_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE messaging.whatsapp_messages FORCE ROW LEVEL SECURITY;
ALTER TABLE messaging.whatsapp_messages_first FORCE ROW LEVEL SECURITY;
ALTER TABLE messaging.whatsapp_message_keys FORCE ROW LEVEL SECURITY;

CREATE POLICY whatsapp_messages_tenant_isolation ON messaging.whatsapp_messages
    FOR ALL
    USING (tenant_id = (SELECT core_tenants.current_tenant_id()));

COMMENT ON TABLE messaging.whatsapp_messages IS 'Mensajes de WhatsApp enviados y recibidos';

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.whatsapp_messages TO app_user;
-- ringfence: ignore M044 because the application asks the whole table, and no partition
REVOKE ALL ON messaging.whatsapp_messages_first FROM app_user;

-- Makes the partitions of the months to come, as many as are missing, and returns how many it made.
-- To be called once a month or more often: without a partition for its month, no message can be
-- written.
CREATE FUNCTION messaging.partition_messages(p_ahead INT DEFAULT 3)
RETURNS INT
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    v_until TIMESTAMP;
    v_month TIMESTAMP;
    v_name TEXT;
    v_made INT := 0;
BEGIN
    -- Two that make partitions at once wait for each other.
    LOCK TABLE messaging.whatsapp_messages IN SHARE UPDATE EXCLUSIVE MODE;
    SELECT MAX(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)')::TIMESTAMPTZ)
    INTO v_until
    FROM pg_inherits AS i
    INNER JOIN pg_class AS c ON i.inhrelid = c.oid
    WHERE i.inhparent = 'messaging.whatsapp_messages'::REGCLASS;

    FOR v_month IN
        SELECT months.month FROM generate_series(
            date_trunc('month', now()::TIMESTAMP),
            date_trunc('month', now()::TIMESTAMP) + make_interval(months => p_ahead),
            INTERVAL '1 month'
        ) AS months (month)
        WHERE months.month >= COALESCE(v_until, '-infinity')
        ORDER BY 1
    LOOP
        v_name := 'whatsapp_messages_' || to_char(v_month, 'YYYY_MM');
        -- Attached, and not made as a partition: nobody waits meanwhile.
        EXECUTE format(
            'CREATE TABLE messaging.%I (LIKE messaging.whatsapp_messages'
            ' INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name
        );
        EXECUTE format('ALTER TABLE messaging.%I OWNER TO app_owner', v_name);
        EXECUTE format('REVOKE ALL ON messaging.%I FROM PUBLIC, app_user', v_name);
        EXECUTE format('ALTER TABLE messaging.%I ENABLE ROW LEVEL SECURITY', v_name);
        EXECUTE format('ALTER TABLE messaging.%I FORCE ROW LEVEL SECURITY', v_name);
        EXECUTE format(
            'CREATE POLICY whatsapp_messages_tenant_isolation ON messaging.%I'
            ' FOR ALL USING (tenant_id = (SELECT core_tenants.current_tenant_id()))', v_name
        );
        EXECUTE format(
            'ALTER TABLE messaging.whatsapp_messages'
            ' ATTACH PARTITION messaging.%I FOR VALUES FROM (%L) TO (%L)',
            v_name, v_month::TIMESTAMPTZ, (v_month + INTERVAL '1 month')::TIMESTAMPTZ
        );
        v_made := v_made + 1;
    END LOOP;
    RETURN v_made;
END;
$$;

ALTER FUNCTION messaging.partition_messages(INT) OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.partition_messages(INT) FROM PUBLIC;

-- The first partition holds this month and the next: three more.
SELECT messaging.partition_messages(4);

-- A view stays with the table that it was made of, whatever that is called: it is to ask the new
-- one.
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

-- PostgreSQL 14 has no such option: there the view asks as app_owner, whom the policies bind as
-- well.
DO $$
BEGIN
    IF current_setting('server_version_num')::INT >= 150000 THEN
        EXECUTE 'ALTER VIEW messaging.vw_whatsapp_metrics SET (security_invoker = true)';
    END IF;
END;
$$;
