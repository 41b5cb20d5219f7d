-- What the requests have come to: a lease, a place in line, a mark, or none of these,
-- and the lease of the name that runs out first.
SELECT r.ord, coalesce(l.token, 0), coalesce(l.until - NOW_US, 0), w.seq IS NOT NULL, m.until IS NOT NULL,
	(SELECT count(*) FROM (
		SELECT FROM {waiter} b WHERE b.name = r.name AND b.seq < w.seq ORDER BY b.seq LIMIT 100) AS before),
	coalesce(first.until - NOW_US, 0), coalesce(first.owner, ''), coalesce(first.since, 0), coalesce(first.until, 0),
	coalesce(first.slots, head.slots, 0)
FROM unnest($1::bytea[], $2::text[]) WITH ORDINALITY AS r (name, holder, ord)
LEFT JOIN {lease} l ON l.name = r.name AND l.holder = r.holder
LEFT JOIN {waiter} w ON w.name = r.name AND w.holder = r.holder
LEFT JOIN {mark} m ON m.name = r.name AND m.holder = r.holder
LEFT JOIN LATERAL (
	SELECT owner, since, until, slots FROM {lease} f WHERE f.name = r.name ORDER BY f.until LIMIT 1) first ON true
LEFT JOIN LATERAL (
	SELECT slots FROM {waiter} h WHERE h.name = r.name ORDER BY h.seq LIMIT 1) head ON true
