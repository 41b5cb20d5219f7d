-- Gives a reserved piece back whose order cannot be written, and takes the order out of
-- the outbox. Doing it twice gives back once.
-- KEYS: the pieces left of the product, the reservations, the pieces by customer, the outbox.
-- ARGV: the reservation's id, product, customer, the limit or 0, the outbox's group and entry.
local left, reservations, customers, outbox = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
if redis.call('SREM', reservations, ARGV[1]) == 1 then
  redis.call('INCR', left)
  if tonumber(ARGV[4]) > 0 then
    redis.call('HINCRBY', customers, ARGV[2] .. ':' .. ARGV[3], -1)
  end
end
redis.call('XACK', outbox, ARGV[5], ARGV[6])
return redis.call('XDEL', outbox, ARGV[6])
