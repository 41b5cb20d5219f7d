-- Gives a lock back if it is still its holder's, as the manual of Redis has it.
-- KEYS: the lock. ARGV: who holds it.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
