CREATE TYPE state AS ENUM ('new', 'done');
CREATE TYPE other AS ENUM ('x');
CREATE TYPE step AS (state state, other other, others other[]);
