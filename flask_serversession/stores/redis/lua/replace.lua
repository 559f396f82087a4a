-- Replaces a record if its payload is still the loaded one.
--
-- KEYS     the record; the index of its user, if it has one
-- ARGV     the loaded payload, the new one, its TTL in milliseconds;
--          the key, if it has a user;
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
if KEYS[2] then
  enter(KEYS[2], ARGV[4], ARGV[3])
end
return 1
