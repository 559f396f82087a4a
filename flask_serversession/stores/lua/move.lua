-- Stores a record under a new key and leaves another under its old one, or nothing happens.
--
-- KEYS     the old key, the new one
-- ARGV     the record and its milliseconds to live, the same of what is left, which has
--          none if nothing is; and, maybe, the payload that the old key has to hold
-- returns  1 when moved, 0 if the new key is taken, otherwise what the old one holds:
--          {payload, milliseconds to live}, or {nil, -2} for nothing

local current = redis.call('GET', KEYS[1])

if not current or (ARGV[5] and current ~= ARGV[5]) then
  -- A client that got no answer may have sent this again by itself.
  if redis.call('GET', KEYS[2]) == ARGV[1] then
    return 1
  end
  return {current, redis.call('PTTL', KEYS[1])}
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  return 0
end

if tonumber(ARGV[2]) > 0 then
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
end
if tonumber(ARGV[4]) > 0 then
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
else
  redis.call('DEL', KEYS[1])
end
return 1
