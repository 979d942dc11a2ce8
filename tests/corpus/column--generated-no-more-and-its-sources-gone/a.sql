CREATE TABLE t (
    id integer,
    email_confirmed timestamptz,
    phone_confirmed timestamptz,
    confirmed timestamptz GENERATED ALWAYS AS (LEAST(email_confirmed, phone_confirmed)) STORED
);
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
