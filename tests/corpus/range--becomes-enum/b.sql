CREATE TYPE span AS ENUM ('short', 'long');
