-- Keeps all waiters of a client in line.
UPDATE waiter SET until = NOW_US + ?2 WHERE client = ?1
