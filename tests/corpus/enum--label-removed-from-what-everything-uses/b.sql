CREATE TYPE state AS ENUM ('done', 'new');
COMMENT ON TYPE state IS 'where it stands';
GRANT USAGE ON TYPE state TO corpus_bob WITH GRANT OPTION;
REVOKE USAGE ON TYPE state FROM PUBLIC;
ALTER TYPE state OWNER TO corpus_alice;
CREATE FUNCTION is_open(s state) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT s <> 'done'$$;
CREATE TABLE task (
    id integer PRIMARY KEY,
    state state NOT NULL DEFAULT 'new',
    was state,
    all_of state[] NOT NULL DEFAULT ARRAY['new', 'done']::state[],
    open boolean GENERATED ALWAYS AS (is_open(state)) STORED,
    CONSTRAINT moved CHECK (state <> was),
    EXCLUDE USING btree (state WITH =) WHERE (was = 'new')
);
CREATE INDEX task_open ON task (id) WHERE state = 'new';
CREATE INDEX task_state ON task (state, was);
CREATE VIEW new_tasks AS SELECT id, state FROM task WHERE state = 'new';
CREATE VIEW ids AS SELECT id FROM task WHERE was IS NULL;
CREATE MATERIALIZED VIEW counts AS SELECT state, count(*) FROM task GROUP BY 1;
GRANT SELECT ON new_tasks TO corpus_bob;
COMMENT ON COLUMN new_tasks.state IS 'always new';
ALTER TABLE task ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON task USING (state IS NOT NULL);
CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN new; END$$;
CREATE TRIGGER touch BEFORE UPDATE OF state ON task FOR EACH ROW EXECUTE FUNCTION touched();
CREATE TRIGGER touch_new BEFORE UPDATE ON task FOR EACH ROW WHEN (new.state = 'new') EXECUTE FUNCTION touched();
