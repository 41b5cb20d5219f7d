-- Gives leases back and takes requests out of the line. Whoever has not claimed a lease
-- may have a request on its way that would ask again: it finds the mark.
WITH gone AS (
	DELETE FROM {lease} l USING unnest($1::bytea[], $2::text[]) AS r (name, holder)
	WHERE l.name = r.name AND l.holder = r.holder
	RETURNING l.name, l.holder, l.claimed
), left_line AS (
	DELETE FROM {waiter} w USING unnest($1::bytea[], $2::text[]) AS r (name, holder)
	WHERE w.name = r.name AND w.holder = r.holder
)
INSERT INTO {mark} (name, holder, until)
SELECT r.name, r.holder, NOW_US + r.ttl
FROM unnest($1::bytea[], $2::text[], $3::bigint[]) AS r (name, holder, ttl)
WHERE NOT EXISTS (SELECT FROM gone WHERE gone.name = r.name AND gone.holder = r.holder AND gone.claimed)
ON CONFLICT (name, holder) DO UPDATE SET until = excluded.until
