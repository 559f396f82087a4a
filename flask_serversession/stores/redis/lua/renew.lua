-- Restarts the TTL of a lock if the caller holds it.
--
-- KEYS[1]  the lock
-- ARGV     the holder's token, the TTL in milliseconds
-- returns  1 if the caller holds it, 0 if it was lost

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
