-- The foreign keys of all tables that point at a table. A foreign key without columns
-- means the primary key, and has NULL in "to".
SELECT m.name || ' ' || f.id, m.name, f."from", f."to", f.on_delete NOT IN ('RESTRICT', 'NO ACTION')
FROM sqlite_master m, pragma_foreign_key_list(m.name) f
WHERE m.type = 'table' AND f."table" = ? COLLATE NOCASE
ORDER BY m.name, f.id, f.seq
