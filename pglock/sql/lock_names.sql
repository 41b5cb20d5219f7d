-- The first statement of every transaction that looks beyond the name's own row: it makes
-- the rows and locks them, in the order of their names. What the next statements read is
-- newer than what anybody wrote who had the lock before.
INSERT INTO {lock} AS l (name, crowded) SELECT name, true FROM unnest($1::bytea[]) AS n (name)
ON CONFLICT (name) DO UPDATE SET crowded = true WHERE NOT l.crowded
