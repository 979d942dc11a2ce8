INSERT INTO "We ird"."user" VALUES ('c''d', ARRAY['a b', E'back\\slash']::"We ird"."sel""ect"[]);
