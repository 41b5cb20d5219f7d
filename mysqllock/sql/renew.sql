-- Never creates, never revives. The time is the moment of the change, not the start of
-- the statement, which may have waited.
UPDATE {lock} SET version = version + 1, until = {now} + ttl
WHERE name IN ({names}) AND holder IN ({holders}) AND until > {now} AND broken = 0
