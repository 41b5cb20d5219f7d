-- What Open has to know of the server.
SELECT current_setting('server_version_num'), pg_is_in_recovery()::int::text, pg_backend_pid()::text,
    coalesce((SELECT relkind::text FROM pg_class WHERE oid = to_regclass('{sequence_name_text}')), '')
