-- What Check looks at, by name. Servers that lack one of them do not show it.
SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'version_comment', 'wsrep_on', 'group_replication_group_name', 'read_only', 'max_connections')
