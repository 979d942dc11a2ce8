CREATE SCHEMA "odd ""one";
CREATE EXTENSION hstore WITH SCHEMA "odd ""one";
