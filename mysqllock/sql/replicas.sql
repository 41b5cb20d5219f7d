SELECT COUNT(*) FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'
