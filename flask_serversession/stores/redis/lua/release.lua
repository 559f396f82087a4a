-- Frees a lock if the caller holds it, and wakes one waiter.
--
-- KEYS     the lock, the list on which waiters block
-- ARGV     the holder's token, the milliseconds to keep a wake for waiters about to block
-- returns  1 if the lock was freed, 0 if it was lost

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])

if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('RPUSH', KEYS[2], '')
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
