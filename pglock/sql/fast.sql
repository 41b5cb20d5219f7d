-- The uncontended grant of exclusive leases, in one statement: of names that are free
-- and not crowded. Of the others it tells what it saw. It touches no row that is visibly
-- taken, so that a refusal costs the server no write.
--
-- ON CONFLICT locks the row before it evaluates its WHERE and SET, so the clock there is
-- that of the grant and not of the time before a wait for the row. Rows come sorted by
-- name, so that two batches cannot wait for each other.
WITH ask AS (
	SELECT r.ord, r.name, r.holder, r.ttl, r.owner, r.note,
		l.crowded, l.holder AS held_by, l.token, l.owner AS held_owner, l.since, l.until
	FROM unnest($1::bytea[], $2::text[], $3::bigint[], $4::bytea[], $5::bytea[])
		WITH ORDINALITY AS r (name, holder, ttl, owner, note, ord)
	LEFT JOIN {lock} l ON l.name = r.name
), got AS (
	INSERT INTO {lock} AS l (name, holder, ttl, owner, note, token, since, until)
	SELECT name, holder, ttl, owner, note, NOW_US, NOW_US, NOW_US + ttl FROM ask
	WHERE crowded IS NULL OR NOT crowded AND until <= NOW_US
	ORDER BY ord
	ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, ttl = excluded.ttl,
		owner = excluded.owner, note = excluded.note, broken = false,
		token = greatest(l.token + 1, NOW_US), since = NOW_US, until = NOW_US + excluded.ttl
	WHERE NOT l.crowded AND l.until <= NOW_US
	RETURNING l.name, l.holder, l.token, l.owner, l.since, l.until
)
SELECT name, holder, token, owner, since, until, until - NOW_US, false, false FROM got
UNION ALL
SELECT name, held_by, token, held_owner, since, until, until - NOW_US, false, false FROM ask
WHERE NOT crowded AND until > NOW_US
UNION ALL
-- Of a crowded name the lease that excludes every other, and whether the request was
-- released before it arrived: what more there is to say takes a transaction.
SELECT ask.name, coalesce(l.holder, ''), 0, coalesce(l.owner, ''), coalesce(l.since, 0), coalesce(l.until, 0), 0, true,
	EXISTS (SELECT FROM {mark} m WHERE m.name = ask.name AND m.holder = ask.holder)
FROM ask LEFT JOIN LATERAL (
	SELECT holder, owner, since, until FROM {lease} x
	WHERE x.name = ask.name AND x.mode = 0 AND x.slots = 0 AND x.until > NOW_US LIMIT 1) l ON true
WHERE ask.crowded
