-- A schema in which no firm gets at another firm's rows: nothing here is to be found fault with.
CREATE SCHEMA trade AUTHORIZATION ringfence_test_owner;
GRANT USAGE ON SCHEMA trade TO ringfence_test_app, ringfence_test_clerk;
SET ROLE ringfence_test_owner;

CREATE FUNCTION trade.firm() RETURNS UUID LANGUAGE sql STABLE
AS $$ SELECT nullif(current_setting('trade.firm', true), '')::uuid $$;

-- Belongs to nobody.
CREATE TABLE trade.currency (code CHAR(3) PRIMARY KEY, name TEXT NOT NULL);

CREATE TABLE trade."Firm" (
    "Firm Id" UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name TEXT NOT NULL
);

CREATE TABLE trade.customer (
    firm UUID NOT NULL REFERENCES trade."Firm" ON DELETE CASCADE,
    id UUID DEFAULT gen_random_uuid(),
    "na""me" TEXT NOT NULL,
    mail TEXT NOT NULL CHECK (mail ~ '^[a-z]+@[a-z]+\.example$'),
    state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'known', 'gone')),
    notes JSONB,
    PRIMARY KEY (id),
    UNIQUE (firm, id),
    UNIQUE (firm, mail)
);

CREATE TABLE trade.invoice (
    firm UUID NOT NULL REFERENCES trade."Firm" ON DELETE CASCADE,
    number INT GENERATED ALWAYS AS IDENTITY,
    customer UUID NOT NULL,
    currency CHAR(3) NOT NULL REFERENCES trade.currency,
    total NUMERIC(12, 2) NOT NULL CHECK (total >= 0),
    paid BOOLEAN NOT NULL DEFAULT false,
    doubled NUMERIC GENERATED ALWAYS AS (total * 2) STORED,
    PRIMARY KEY (firm, number),
    FOREIGN KEY (firm, customer) REFERENCES trade.customer (firm, id) ON DELETE CASCADE
);

-- No column says whose a line is: its invoice does.
CREATE TABLE trade.line (
    firm UUID NOT NULL,
    invoice INT NOT NULL,
    pos INT NOT NULL CHECK (pos BETWEEN 1 AND 999),
    "text" TEXT NOT NULL,
    PRIMARY KEY (firm, invoice, pos),
    FOREIGN KEY (firm, invoice) REFERENCES trade.invoice (firm, number) ON DELETE CASCADE
);

CREATE TABLE trade.event (
    firm UUID NOT NULL REFERENCES trade."Firm" ON DELETE CASCADE,
    id UUID NOT NULL DEFAULT gen_random_uuid(),
    at DATE NOT NULL,
    what TEXT NOT NULL,
    PRIMARY KEY (firm, id, at)
) PARTITION BY RANGE (at);
CREATE TABLE trade.event_old PARTITION OF trade.event FOR VALUES FROM (MINVALUE) TO ('2024-07-01');
CREATE TABLE trade.event_new PARTITION OF trade.event FOR VALUES FROM ('2024-07-01') TO (MAXVALUE);

ALTER TABLE trade."Firm" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON trade."Firm" USING ("Firm Id" = trade.firm());
ALTER TABLE trade.customer ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
-- USING alone: it is what WITH CHECK is where that is missing.
CREATE POLICY own ON trade.customer FOR ALL USING (firm = trade.firm());
ALTER TABLE trade.invoice ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON trade.invoice
    USING (firm = trade.firm()) WITH CHECK (firm = trade.firm());
ALTER TABLE trade.line ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON trade.line USING (EXISTS (
    SELECT FROM trade.invoice AS i WHERE (i.firm, i.number) = (line.firm, line.invoice)
));
ALTER TABLE trade.event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY reading ON trade.event FOR SELECT USING (firm = trade.firm());
CREATE POLICY writing ON trade.event FOR INSERT WITH CHECK (firm = trade.firm());

-- Works as its owner, whom FORCE binds.
CREATE VIEW trade.unpaid AS SELECT firm, number, total FROM trade.invoice WHERE NOT paid;

CREATE MATERIALIZED VIEW trade.turnover AS
    SELECT firm, sum(total) AS total FROM trade.invoice GROUP BY firm;

CREATE FUNCTION trade.mail_of(p_customer UUID) RETURNS TEXT LANGUAGE sql STABLE
AS $$ SELECT mail FROM trade.customer WHERE id = p_customer $$;

CREATE FUNCTION trade.pay(p_number INT) RETURNS VOID LANGUAGE plpgsql
SECURITY DEFINER SET search_path = trade, pg_temp
AS $$ BEGIN UPDATE invoice SET paid = true WHERE firm = trade.firm() AND number = p_number; END $$;

CREATE FUNCTION trade.twice(n INT) RETURNS INT LANGUAGE sql IMMUTABLE AS 'SELECT 2 * n';

GRANT SELECT ON trade.currency, trade."Firm", trade.unpaid TO ringfence_test_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON trade.customer, trade.invoice, trade.line
TO ringfence_test_app;
GRANT SELECT, INSERT ON trade.event TO ringfence_test_app;
-- The clerk reads some columns.
GRANT SELECT (id, "na""me") ON trade.customer TO ringfence_test_clerk;

RESET ROLE;
