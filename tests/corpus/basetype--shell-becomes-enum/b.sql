CREATE TYPE later AS ENUM ('now');
