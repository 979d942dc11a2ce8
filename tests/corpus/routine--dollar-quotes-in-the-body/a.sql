CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $x$BEGIN RETURN $function$ ; $function$; END$x$;
