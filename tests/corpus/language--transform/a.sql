CREATE FUNCTION call() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE LANGUAGE plx HANDLER call;
CREATE TYPE cx AS (a int);
CREATE TRANSFORM FOR cx LANGUAGE plx (FROM SQL WITH FUNCTION prsd_lextype(internal));
