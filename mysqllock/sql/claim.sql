-- Takes an exclusive lease that was granted in line: its full time begins now.
UPDATE {lock} SET version = version + 1, token = LAST_INSERT_ID(token), claimed = 1, since = {now}, until = since + ttl
WHERE name = ? AND holder = ? AND claimed = 0 AND until > {now}
