-- The columns of a table in order, generated ones too (hidden 2 and 3).
SELECT name, "notnull" = 0, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid
