CREATE TYPE state AS ENUM ('new');
CREATE TYPE step AS (state state);
