CREATE FUNCTION call() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION inl(internal) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION val(oid) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE TRUSTED LANGUAGE "pl ""x" HANDLER call INLINE inl VALIDATOR val;
COMMENT ON LANGUAGE "pl ""x" IS 'like the other';
ALTER LANGUAGE "pl ""x" OWNER TO corpus_alice;
REVOKE USAGE ON LANGUAGE "pl ""x" FROM PUBLIC;
GRANT USAGE ON LANGUAGE "pl ""x" TO corpus_bob;
CREATE FUNCTION f() RETURNS int LANGUAGE "pl ""x" AS 'BEGIN RETURN 1; END';
