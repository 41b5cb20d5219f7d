-- What a client's waiters have come to, without a write: those that were granted (place
-- -1), and those in line with the number of others before them and the time until the
-- first lease in their way runs out.
SELECT holder, -1, 0::bigint FROM {lease} WHERE client = $1 AND NOT claimed
UNION ALL
SELECT w.holder,
	(SELECT count(*) FROM (
		SELECT FROM {waiter} b WHERE b.name = w.name AND b.seq < w.seq ORDER BY b.seq LIMIT 100) AS before)::integer,
	coalesce((SELECT min(l.until) FROM {lease} l WHERE l.name = w.name), 0) - NOW_US
FROM {waiter} w WHERE w.client = $1 AND w.until > NOW_US
