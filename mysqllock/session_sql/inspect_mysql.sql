-- Who holds the lock {key} and who waits for it, the longest first. What a session was
-- called when it connected, and what it executes, is hidden from users without rights.
SELECT t.PROCESSLIST_ID, m.LOCK_STATUS = 'GRANTED', IFNULL(t.PROCESSLIST_USER, ''), IFNULL(t.PROCESSLIST_HOST, ''),
    IFNULL(e.SQL_TEXT, ''), IFNULL(a.ATTR_VALUE, '')
FROM performance_schema.metadata_locks AS m
JOIN performance_schema.threads AS t ON t.THREAD_ID = m.OWNER_THREAD_ID
LEFT JOIN performance_schema.events_statements_current AS e ON e.THREAD_ID = t.THREAD_ID
LEFT JOIN performance_schema.session_connect_attrs AS a ON a.PROCESSLIST_ID = t.PROCESSLIST_ID AND a.ATTR_NAME = 'program_name'
WHERE m.OBJECT_TYPE = 'USER LEVEL LOCK' AND m.OBJECT_NAME = '{key}'
ORDER BY m.LOCK_STATUS = 'GRANTED' DESC, e.TIMER_WAIT DESC
