-- What a client's waiters have come to: those that were granted (place -1), and
-- those in line with the number of others before them and the time until the first
-- lease in their way runs out.
SELECT holder, name, -1, 0 FROM lease WHERE client = ?1 AND claimed = 0
UNION ALL
SELECT w.holder, w.name,
	(SELECT count(*) FROM waiter AS before WHERE before.name = w.name AND before.seq < w.seq),
	coalesce((SELECT min(until) FROM lease WHERE lease.name = w.name), 0) - NOW_US
FROM waiter AS w WHERE w.client = ?1
