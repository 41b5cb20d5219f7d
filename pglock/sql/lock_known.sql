-- Locks those of the names that there are, in their order.
SELECT name FROM {lock} WHERE name = ANY ($1::bytea[]) ORDER BY name FOR UPDATE
