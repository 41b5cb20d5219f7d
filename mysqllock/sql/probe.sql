-- No name is empty, so nothing is changed.
INSERT INTO {lock} SELECT * FROM {lock} WHERE name = '';
UPDATE {lock} SET version = version WHERE name = '';
DELETE FROM {lock} WHERE name = '';
INSERT INTO {line} SELECT * FROM {line} WHERE name = '';
UPDATE {line} SET since = since WHERE name = '';
DELETE FROM {line} WHERE name = ''
