SELECT table_name, engine, table_comment FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name IN (?, ?)
