-- Takes requests out of the line that would not wait in it.
DELETE FROM {waiter} w USING unnest($1::bytea[], $2::text[]) AS r (name, holder)
WHERE w.name = r.name AND w.holder = r.holder
