-- What Open has to know of the server. SYSDATE must be the time of its own evaluation, so
-- that a token is read after its lock was granted.
SELECT VERSION(), CONNECTION_ID(), SYSDATE(6) < IF(SLEEP(0.002) = 0, SYSDATE(6), SYSDATE(6))
