CREATE TABLE t (id integer, a text NOT NULL DEFAULT 'x', b timestamp with time zone DEFAULT now(), c uuid NOT NULL DEFAULT gen_random_uuid(), "we ""ird" numeric(10,2) DEFAULT 0);
COMMENT ON COLUMN t."we ""ird" IS 'odd';
