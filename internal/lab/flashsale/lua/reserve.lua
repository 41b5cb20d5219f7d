-- Reserves a piece, all or nothing: asks whether it was done before, the stock and the
-- limit, takes the piece and puts the order into the outbox.
-- KEYS: the pieces left of the product, the reservations, the pieces by customer, the outbox.
-- ARGV: the reservation's id, product, customer, the limit or 0.
local left, reservations, customers, outbox = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, product, customer, limit = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('SISMEMBER', reservations, id) == 1 then
  return 'bought' -- asked again after a lost answer
end
local num = redis.call('GET', left)
if not num then
  return 'unknown' -- not loaded yet, or lost
end
if tonumber(num) <= 0 then
  return 'sold out'
end
if limit > 0 then
  local field = product .. ':' .. customer
  if tonumber(redis.call('HGET', customers, field) or '0') >= limit then
    return 'over the limit'
  end
  redis.call('HINCRBY', customers, field, 1)
end
redis.call('DECR', left)
redis.call('SADD', reservations, id)
redis.call('XADD', outbox, '*', 'id', id, 'product', product, 'customer', customer)
return 'bought'
