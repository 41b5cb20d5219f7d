-- Takes a lease that was granted in line: its full time begins now, which is ?3 in a
-- transaction that has looked at the clock.
UPDATE lease SET claimed = 1, since = COALESCE(?3, NOW_US), until = COALESCE(?3, NOW_US) + ttl
WHERE name = ?1 AND holder = ?2 AND claimed = 0 AND until > COALESCE(?3, NOW_US)
RETURNING token
