-- What an inbox shows of a message: its text, its caption, or what says most about it; the type in
-- brackets where nothing does. `p_content` is what Meta sends for the type, or that below the
-- type's name: {"body": "hola"} and {"text": {"body": "hola"}} alike.
CREATE OR REPLACE FUNCTION messaging.message_preview(p_message_type VARCHAR, p_content JSONB)
RETURNS VARCHAR
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT LEFT(
        COALESCE(
            NULLIF(
                CASE p_message_type
                    WHEN 'text' THEN said.it ->> 'body'
                    WHEN 'image' THEN said.it ->> 'caption'
                    WHEN 'video' THEN said.it ->> 'caption'
                    WHEN 'document' THEN COALESCE(said.it ->> 'caption', said.it ->> 'filename')
                    WHEN 'location' THEN COALESCE(said.it ->> 'name', said.it ->> 'address')
                    WHEN 'contacts' THEN said.it #>> '{0,name,formatted_name}'
                    WHEN 'interactive' THEN COALESCE(
                        said.it #>> '{button_reply,title}',
                        said.it #>> '{list_reply,title}',
                        said.it #>> '{body,text}'
                    )
                    WHEN 'template' THEN said.it ->> 'name'
                    WHEN 'reaction' THEN said.it ->> 'emoji'
                END,
                ''
            ),
            '[' || p_message_type || ']'
        ),
        200
    )
    FROM (
        SELECT CASE
            WHEN p_message_type = 'text' AND p_content ? 'body' THEN p_content
            ELSE COALESCE(p_content -> p_message_type::TEXT, p_content)
        END AS it
    ) AS said;
$$;

ALTER FUNCTION messaging.message_preview(VARCHAR, JSONB) OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION messaging.message_preview(VARCHAR, JSONB) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION messaging.message_preview(VARCHAR, JSONB) TO app_user;
