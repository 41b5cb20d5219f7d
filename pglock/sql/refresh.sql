-- Keeps those of a client who wait in line. A row that is locked is being granted, or
-- taken out: to wait for it could be a deadlock.
WITH mine AS MATERIALIZED (
	SELECT name, holder FROM {waiter} WHERE client = $1 AND holder = ANY ($3::text[]) FOR UPDATE SKIP LOCKED
)
UPDATE {waiter} w SET until = NOW_US + $2::bigint FROM mine
WHERE w.name = mine.name AND w.holder = mine.holder
