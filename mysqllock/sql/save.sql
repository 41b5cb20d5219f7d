-- Changes the row of a name, if nobody else has changed it since it was read.
UPDATE {lock} SET version = version + 1, token = ?, holder = ?, client = ?, ttl = ?, owner = ?, note = ?,
	since = ?, until = ?, claimed = ?, broken = ?, line = ?, marked = ?
WHERE name = ? AND version = ?
