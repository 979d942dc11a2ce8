CREATE TABLE t (id uuid PRIMARY KEY, who integer[], many uuid[], at numeric(9, 2), raw uuid);
CREATE TABLE u (t uuid REFERENCES t (id));
