-- Begins the time of a lock again, if it is still the holder's.
--
-- KEYS[1]  the lock
-- ARGV     the holder's token, the milliseconds to hold it
-- returns  1 if it is, 0 if it was lost

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
