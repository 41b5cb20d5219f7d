-- What a client's waiters have come to: those that still wait, whether they are next, and
-- the time until the first lease in their way runs out.
SELECT w.holder, w.seq = (SELECT MIN(f.seq) FROM {line} AS f WHERE f.name = w.name AND f.kind = 0),
	IF(l.holder <> '', l.until, COALESCE((SELECT MIN(h.until) FROM {line} AS h WHERE h.name = w.name AND h.kind = 1), 0)) - {now}
FROM {line} AS w JOIN {lock} AS l ON l.name = w.name
WHERE w.client = ? AND w.kind = 0
