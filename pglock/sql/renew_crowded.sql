-- The same of crowded names. What was granted in line and not claimed is not renewed.
WITH idle AS (
	SELECT l.name, r.holder, r.ttl
	FROM unnest($1::bytea[], $2::text[], $3::bigint[]) AS r (name, holder, ttl)
	JOIN {lock} l ON l.name = r.name
	ORDER BY l.name FOR UPDATE OF l SKIP LOCKED
)
UPDATE {lease} l SET until = NOW_US + idle.ttl FROM idle
WHERE l.name = idle.name AND l.holder = idle.holder AND l.until > NOW_US AND l.claimed AND NOT l.broken
RETURNING l.holder
