-- The uncontended grant, of an exclusive or a shared lease, in one statement: when
-- no live lease is in the way, nobody is in line and the holder id was not released
-- before. Anything else is settled in a transaction.
INSERT OR IGNORE INTO lease (name, holder, client, mode, slots, ttl, owner, note, token, since, until, claimed)
SELECT ?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, max(counter.token + 1, NOW_US), NOW_US, NOW_US + ?5, 1
FROM counter
WHERE NOT EXISTS (SELECT 1 FROM lease WHERE name = ?1 AND (until <= NOW_US OR NOT (mode = 1 AND ?4 = 1)))
	AND NOT EXISTS (SELECT 1 FROM waiter WHERE name = ?1)
	AND NOT EXISTS (SELECT 1 FROM mark WHERE holder = ?2)
RETURNING token
