-- The columns of a table and what its indexes serve. ?1: the table, ?2: its schema or NULL.
-- Rows: index ('' for the columns of the table itself), unique, column, type.
-- A partial index (WHERE) serves no key. An INTEGER PRIMARY KEY is the row's own number,
-- which is in no list of indexes.
SELECT '', 0, name, type, -2, cid
FROM pragma_table_xinfo(?1, ?2)
UNION ALL
SELECT 'rowid', 1, max(name), '', -1, 0
FROM pragma_table_xinfo(?1, ?2) WHERE pk > 0
GROUP BY 1 HAVING count(*) = 1 AND upper(max(type)) = 'INTEGER'
UNION ALL
SELECT l.name, l."unique", coalesce(i.name, ''), '', l.seq, i.seqno
FROM pragma_index_list(?1, ?2) AS l JOIN pragma_index_info(l.name, ?2) AS i
WHERE NOT l.partial
ORDER BY 5, 6
