-- Waits for a name that this client's other connection keeps, so until the bell is rung or
-- the time is over; only if as many wait as were seen: whoever was granted meanwhile would
-- not ring again.
SELECT GET_LOCK(?, ?) FROM DUAL WHERE (SELECT COUNT(*) FROM {line} WHERE client = ? AND kind = 0) = ?
