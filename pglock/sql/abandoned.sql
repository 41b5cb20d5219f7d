-- Crowded names of which all that there is has run out: nobody looks after them.
SELECT n.name FROM {lock} n WHERE n.crowded
	AND NOT EXISTS (SELECT FROM {lease} l WHERE l.name = n.name AND l.until > NOW_US)
	AND NOT EXISTS (SELECT FROM {waiter} w WHERE w.name = n.name AND w.until > NOW_US)
	AND NOT EXISTS (SELECT FROM {mark} m WHERE m.name = n.name AND m.until > NOW_US)
ORDER BY n.name LIMIT 100
