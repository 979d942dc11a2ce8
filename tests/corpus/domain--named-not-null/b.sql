CREATE DOMAIN name AS text CONSTRAINT "not empty" NOT NULL;
COMMENT ON CONSTRAINT "not empty" ON DOMAIN public.name IS 'it is there';
CREATE TABLE person (name public.name);
