-- Makes holders of those at the head of the line who may hold beside the present ones.
-- $2 are the holder ids whose own request this is: their lease is theirs at once. The
-- others have the claim window, $3, to take it, and are told.
--
-- The work grows with the holders and with those who are granted, not with the line.
WITH clock AS MATERIALIZED (SELECT NOW_US AS now), granted AS (
	SELECT w.*, w.holder = ANY ($2::text[]) AS claimed, row_number() OVER (PARTITION BY w.name ORDER BY w.seq) AS nth
	FROM unnest($1::bytea[]) AS n (name)
	CROSS JOIN LATERAL (
		SELECT mode, slots FROM {waiter} WHERE name = n.name ORDER BY seq LIMIT 1
	) head
	CROSS JOIN LATERAL (
		SELECT count(*) AS leases, coalesce(bool_or(mode = 0), false) AS writer FROM {lease} WHERE name = n.name
	) used
	CROSS JOIN LATERAL (
		SELECT * FROM {waiter} WHERE name = n.name
			AND (head.mode = 0 OR seq < coalesce((
				SELECT min(seq) FROM {waiter} WHERE name = n.name AND mode = 0 AND slots = 0), 9223372036854775807))
		ORDER BY seq
		LIMIT CASE
			WHEN head.slots > 0 THEN greatest(head.slots - used.leases, 0)
			WHEN used.writer OR head.mode = 0 AND used.leases > 0 THEN 0
			WHEN head.mode = 0 THEN 1
		END
	) w
), gone AS (
	DELETE FROM {waiter} w USING granted g WHERE w.name = g.name AND w.holder = g.holder
), tokens AS (
	UPDATE {lock} l SET token = greatest(l.token, clock.now) + g.n
	FROM (SELECT name, count(*) AS n FROM granted GROUP BY name) g, clock
	WHERE l.name = g.name
	RETURNING l.name, l.token - g.n AS base
), made AS (
	INSERT INTO {lease} (name, holder, client, mode, slots, ttl, owner, note, token, since, until, claimed, broken)
	SELECT g.name, g.holder, g.client, g.mode, g.slots, g.ttl, g.owner, g.note, tokens.base + g.nth, clock.now,
		clock.now + CASE WHEN g.claimed THEN g.ttl ELSE least(g.ttl, $3::bigint) END, g.claimed, false
	FROM granted g JOIN tokens ON tokens.name = g.name, clock
	RETURNING name, holder, client, claimed
)
SELECT name FROM made LEFT JOIN LATERAL pg_notify(client, holder) AS told ON client <> '' WHERE NOT claimed
