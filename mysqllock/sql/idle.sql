-- Names that nobody has used for a day, and whose tokens the clock has passed.
SELECT name FROM {lock}
WHERE name > ? AND holder = '' AND line = 0 AND marked < {now} AND since < {now} - 86400000000 AND token < {now}
ORDER BY name LIMIT 200
