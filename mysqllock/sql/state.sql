-- What a name is made of, as one statement sees it: its row (kind -1), its leases, the
-- head of its line, and what some holder ids have.
SELECT -1 AS kind, holder, client, 0 AS mode, 0 AS slots, ttl, owner, note, token, since, until, claimed, broken,
	version, line, marked, {now}
FROM {lock} WHERE name = ?
UNION ALL
(SELECT kind, holder, client, mode, slots, ttl, owner, note, token, since, until, claimed, broken, 0, 0, 0, 0
FROM {line} WHERE name = ? AND kind = 1)
UNION ALL
(SELECT kind, holder, client, mode, slots, ttl, owner, note, token, since, until, claimed, broken, 0, 0, 0, 0
FROM {line} WHERE name = ? AND kind = 0 ORDER BY seq LIMIT 16)
UNION ALL
(SELECT kind, holder, client, mode, slots, ttl, owner, note, token, since, until, claimed, broken, 0, 0, 0, 0
FROM {line} WHERE name = ? AND holder IN ({holders}))
