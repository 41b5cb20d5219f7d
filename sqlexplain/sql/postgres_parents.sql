-- The tables that foreign keys of these tables point at.
SELECT DISTINCT c.confrelid::regclass::text
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
WHERE c.contype = 'f' AND t.relname IN (SELECT json_array_elements_text($1::json))
