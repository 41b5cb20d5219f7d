-- Sleeps if as many wait as were seen: whoever was granted meanwhile would not ring again.
SELECT SLEEP(?) FROM DUAL WHERE (SELECT COUNT(*) FROM {line} WHERE client = ? AND kind = 0) = ?
