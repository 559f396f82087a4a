-- Reads the records of a user, and removes keys without a record from the index.
--
-- KEYS[1]  the index
-- ARGV[1]  the prefix of the records
-- returns  {key, payload, milliseconds to live} for each record

local found = {}

for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local name = ARGV[1] .. key
  local payload = redis.pcall('GET', name)
  if not payload then
    redis.pcall('ZREM', KEYS[1], key)
  elseif type(payload) == 'string' then
    found[#found + 1] = {key, payload, redis.call('PTTL', name)}
  end
end
return found
