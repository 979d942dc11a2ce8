CREATE TYPE nothing AS ENUM ('one', 'two');
