-- Makes the row of a name that is new.
INSERT INTO {lock} (name, version, token, holder, client, ttl, owner, note, since, until, claimed, broken, line, marked)
VALUES (?, 1, 0, '', '', 0, '', '', 0, 0, 0, 0, 0, 0)
ON DUPLICATE KEY UPDATE token = token
