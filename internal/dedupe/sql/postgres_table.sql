-- What kind of relation a name is, by the search path when it has no schema.
SELECT c.oid::bigint, n.nspname, c.relname, c.relkind::text, c.relhassubclass
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass($1)
