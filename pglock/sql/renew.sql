-- Renews leases, in the names' own rows and those of crowded names. Never creates, never
-- revives; what was granted in line and not claimed is not renewed. A name that somebody
-- else is at is passed over, so that one who is stuck does not keep the others from being
-- renewed; behind lock_known.sql nothing is.
WITH idle AS (
	SELECT l.name, r.holder, r.ttl
	FROM unnest($1::bytea[], $2::text[], $3::bigint[]) AS r (name, holder, ttl)
	JOIN {lock} l ON l.name = r.name
	ORDER BY l.name FOR UPDATE OF l SKIP LOCKED
), inline AS (
	UPDATE {lock} l SET until = NOW_US + idle.ttl FROM idle
	WHERE l.name = idle.name AND l.holder = idle.holder AND l.until > NOW_US AND NOT l.broken
	RETURNING l.holder
), crowded AS (
	UPDATE {lease} l SET until = NOW_US + idle.ttl FROM idle
	WHERE l.name = idle.name AND l.holder = idle.holder AND l.until > NOW_US AND l.claimed AND NOT l.broken
	RETURNING l.holder
)
SELECT holder FROM inline UNION ALL SELECT holder FROM crowded
