-- The row locks of a backend on a table: the row's place, the strengths, its key, and how
-- many there are in all. The row is read as it was before the backend changed it. %[1]s is
-- the table, %[2]s the key.
SELECT r.locked_row::text, array_to_json(r.modes)::text,
       COALESCE((SELECT %[2]s FROM %[1]s t WHERE t.ctid = r.locked_row)::text, 'null'),
       count(*) OVER ()
FROM %[3]s($1) r
WHERE $2 = ANY (r.pids)
LIMIT $3
