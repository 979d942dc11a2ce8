-- The history of a database: one row an event, appended and never changed.
-- Runs with search_path set to the schema that holds it.
CREATE TABLE history (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    event TEXT NOT NULL CHECK (event IN (
        'started', 'statement', 'finished', 'failed', 'cancelled', 'stamped', 'baseline', 'repaired'
    )),
    revision TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('up', 'down')),
    attempt INTEGER NOT NULL CHECK (attempt > 0),
    statement INTEGER CHECK (statement > 0),
    title TEXT NOT NULL DEFAULT '',
    checksum TEXT,
    sql TEXT,
    duration INTERVAL,
    error JSONB,
    client JSONB NOT NULL DEFAULT '{}',
    session_role NAME NOT NULL DEFAULT SESSION_USER,
    effective_role NAME NOT NULL DEFAULT CURRENT_USER,
    server_version INTEGER NOT NULL DEFAULT current_setting('server_version_num')::INTEGER,
    backend INTEGER NOT NULL DEFAULT pg_backend_pid(),
    xid XID8 NOT NULL DEFAULT pg_current_xact_id()
);

CREATE INDEX history_revision ON history (revision, id);

CREATE FUNCTION history_is_append_only() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history is append-only' USING ERRCODE = 'insufficient_privilege';
END;
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON history
FOR EACH STATEMENT EXECUTE FUNCTION history_is_append_only();

COMMENT ON TABLE history IS 'ringfence history, version 1';
