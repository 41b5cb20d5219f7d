-- How a name is in use: by how many leases, of which mode and slots.
SELECT count(*), coalesce(max(mode), 0), coalesce(max(slots), 0) FROM lease WHERE name = ?1
