-- Keeps all waiters of a client in line.
UPDATE {line} SET until = {now} + ? WHERE client = ? AND kind = 0
