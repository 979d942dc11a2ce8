CREATE TYPE state AS ENUM ('new', 'old', 'done');
CREATE TABLE event (id integer NOT NULL, state state DEFAULT 'new') PARTITION BY RANGE (id);
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (100);
CREATE INDEX event_state ON event (state);
