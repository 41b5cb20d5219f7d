-- The same for shared leases and permits. The row of the name is locked first, as always.
UPDATE {lock} AS l STRAIGHT_JOIN {line} AS w ON w.name = l.name
SET l.version = l.version + 1, w.until = {now} + w.ttl
WHERE l.name IN ({names}) AND w.holder IN ({holders}) AND w.kind = 1 AND w.until > {now} AND w.broken = 0;
SELECT name, holder, broken FROM {line} WHERE name IN ({names}) AND holder IN ({holders}) AND kind = 1 AND until > {now}
