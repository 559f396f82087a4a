-- Frees a lock, if it is still the holder's, and wakes one of those that wait for it.
--
-- KEYS     the lock, the list that the others wait at
-- ARGV     the holder's token, the milliseconds to keep a wake for who is about to wait
-- returns  1 if it was the holder's, 0 if it was lost

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])

if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('RPUSH', KEYS[2], '')
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
