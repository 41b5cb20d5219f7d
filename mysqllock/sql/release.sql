-- The uncontended release: of claimed leases of names without a line.
UPDATE {lock} SET version = version + 1, holder = '', until = 0
WHERE name IN ({names}) AND holder IN ({holders}) AND claimed = 1 AND line = 0
