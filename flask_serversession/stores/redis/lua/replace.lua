-- Replaces a record if its payload is still the loaded one.
--
-- KEYS[1]  the record
-- ARGV     the loaded payload, the new one, its TTL in milliseconds;
--          without arguments the script only reads
-- returns  1 if replaced (or removed, with no time left), otherwise what is there:
--          {payload, milliseconds to live}, or {nil, -2} for nothing

local current = redis.call('GET', KEYS[1])

if current ~= ARGV[1] then
  return {current, redis.call('PTTL', KEYS[1])}
end

if tonumber(ARGV[3]) > 0 then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
else
  redis.call('DEL', KEYS[1])
end
return 1
