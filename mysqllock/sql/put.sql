-- Adds a row to the other table, or changes the one of that holder id.
INSERT INTO {line} (name, kind, holder, client, mode, slots, ttl, owner, note, token, since, until, claimed, broken)
SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM DUAL WHERE @pawl = 1
ON DUPLICATE KEY UPDATE kind = VALUES(kind), token = VALUES(token), since = VALUES(since), until = VALUES(until),
	claimed = VALUES(claimed), broken = VALUES(broken)
