-- Removes rows of names that were not in use for a day, which $1 is in microseconds. A
-- token is never under the time of its grant, so the clock keeps tokens rising.
WITH old AS MATERIALIZED (
	SELECT name FROM {lock}
	WHERE NOT crowded AND until < NOW_US - $1::bigint AND token < NOW_US - $1::bigint
	LIMIT 1000 FOR UPDATE SKIP LOCKED
)
DELETE FROM {lock} l USING old WHERE l.name = old.name
