-- The last statement: names of which the other tables know nothing are not crowded.
UPDATE {lock} n SET crowded = false
WHERE n.name = ANY ($1::bytea[]) AND n.crowded
	AND NOT EXISTS (SELECT FROM {lease} l WHERE l.name = n.name)
	AND NOT EXISTS (SELECT FROM {waiter} w WHERE w.name = n.name)
	AND NOT EXISTS (SELECT FROM {mark} m WHERE m.name = n.name)
