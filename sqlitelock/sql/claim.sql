-- Takes a lease that was granted in line: its full time begins now.
UPDATE lease SET claimed = 1, since = NOW_US, until = NOW_US + ttl
WHERE name = ?1 AND holder = ?2 AND claimed = 0 AND until > NOW_US
RETURNING token
