-- What every session of the driver is set to, whatever the server's defaults are. Times
-- are read as UTC; a row is not waited for longer than a second; nothing else ends a
-- statement.
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET autocommit = 1, sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00', innodb_lock_wait_timeout = 1, wait_timeout = 3600
