-- What a new client has to know of the server. $1, $2, $3 and $4 are the names of the
-- tables, quoted, and $5 their schema or ''.
SELECT current_setting('server_version_num')::integer,
	pg_is_in_recovery(),
	current_setting('transaction_read_only')::boolean,
	current_setting('transaction_isolation'),
	(SELECT count(*) FROM unnest(ARRAY[$1, $2, $3, $4]::text[]) AS t (name) WHERE to_regclass(t.name) IS NOT NULL),
	coalesce(obj_description(to_regclass($1::text), 'pg_class'), ''),
	coalesce((SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY t.nth, a.attnum)
		FROM unnest(ARRAY[$1, $2, $3, $4]::text[]) WITH ORDINALITY AS t (name, nth)
		JOIN pg_attribute a ON a.attrelid = to_regclass(t.name)
		WHERE a.attnum > 0 AND NOT a.attisdropped), ''),
	coalesce((SELECT bool_and(has_table_privilege(to_regclass(t.name), p.name))
		FROM unnest(ARRAY[$1, $2, $3, $4]::text[]) AS t (name), unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (name)
		WHERE to_regclass(t.name) IS NOT NULL), false),
	coalesce(CASE WHEN $5::text <> '' THEN (SELECT has_schema_privilege(n.oid, 'CREATE') FROM pg_namespace n WHERE n.nspname = $5)
		ELSE has_schema_privilege(current_schema(), 'CREATE') END, false),
	current_user::text
