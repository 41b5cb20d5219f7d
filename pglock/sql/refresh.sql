-- Keeps all waiters of a client in line. A row that is locked is being granted, or taken
-- out: to wait for it could be a deadlock.
UPDATE {waiter} w SET until = NOW_US + $2::bigint
FROM (SELECT name, holder FROM {waiter} WHERE client = $1 FOR UPDATE SKIP LOCKED) AS mine
WHERE w.name = mine.name AND w.holder = mine.holder
