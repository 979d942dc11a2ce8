CREATE DOMAIN size AS integer;
