-- The uncontended release, in one statement. The rows are locked in the order of their
-- names before any is written.
WITH mine AS (
	SELECT l.name, l.holder
	FROM unnest($1::bytea[], $2::text[]) AS r (name, holder)
	JOIN {lock} l ON l.name = r.name AND l.holder = r.holder
	ORDER BY l.name FOR UPDATE OF l
)
UPDATE {lock} l SET holder = '', until = 0 FROM mine
WHERE l.name = mine.name AND l.holder = mine.holder
RETURNING l.name
