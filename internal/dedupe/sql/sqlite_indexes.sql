-- The columns of each index over all rows. An expression or a descending column has a
-- NULL name. Whether the collations fit is asked of the planner.
SELECT i.name, i."unique", CASE WHEN x.desc = 0 THEN x.name END
FROM pragma_index_list(?) i, pragma_index_xinfo(i.name) x
WHERE i.partial = 0 AND x.key = 1
ORDER BY i.name, x.seqno
