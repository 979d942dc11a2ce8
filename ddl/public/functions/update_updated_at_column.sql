-- Stamps a row with the time of the transaction that changes it. For BEFORE UPDATE triggers on
-- tables with a column updated_at.
CREATE OR REPLACE FUNCTION public.update_updated_at_column()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$;

ALTER FUNCTION public.update_updated_at_column() OWNER TO app_owner;
REVOKE EXECUTE ON FUNCTION public.update_updated_at_column() FROM PUBLIC;
