CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE FUNCTION mood_of(text) RETURNS mood LANGUAGE sql IMMUTABLE AS $$SELECT CASE $1 WHEN 'x' THEN 'sad' ELSE 'ok' END::mood$$;
CREATE CAST (text AS mood) WITH INOUT;
