-- A function in a language that may do anything, outside of the server's own.
SELECT p.proname
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.proname IN (SELECT json_array_elements_text($1::json)) AND p.provolatile = 'v'
  AND NOT l.lanpltrusted AND p.pronamespace <> 'pg_catalog'::regnamespace
LIMIT 1
