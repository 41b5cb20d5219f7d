-- The columns of each index on which a walk in ascending order can rest: a whole and
-- valid B-tree on all rows. A column gets a NULL name when it is an expression, descends,
-- or is ordered by other rules than ORDER BY uses (indoption, operator class, collation).
SELECT c.relname, i.indisunique,
       CASE WHEN i.indoption[k.n - 1] = 0 AND o.opcdefault
             AND i.indcollation[k.n - 1] = COALESCE(NULLIF(a.attcollation, 0), i.indcollation[k.n - 1])
            THEN a.attname END
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree'
CROSS JOIN LATERAL generate_series(1, i.indnkeyatts) AS k(n)
JOIN pg_opclass o ON o.oid = i.indclass[k.n - 1]
LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.n - 1] AND a.attnum > 0
WHERE i.indrelid = $1::bigint::oid AND i.indisvalid AND i.indpred IS NULL
ORDER BY c.relname, k.n
