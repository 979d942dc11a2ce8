CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE ft (
    id bigint OPTIONS (column_name 'it''s', more 'z') NOT NULL,
    b text OPTIONS (column_name 'bb') COLLATE "C" DEFAULT 'x',
    "we ""ird" varchar(4),
    fresh date OPTIONS (a 'b') NOT NULL DEFAULT now(),
    CONSTRAINT ck CHECK (id > 0)
) SERVER s;
COMMENT ON COLUMN ft.b IS 'b';
COMMENT ON CONSTRAINT ck ON ft IS 'ck';
