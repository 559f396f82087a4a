-- Enters a key in the index of its user, or removes it with no time left.
--
-- A key that is entered for longer stays so: another client may be extending its record.
--
-- KEYS[1]  the index
-- ARGV     the key, the milliseconds that its record has left

local left = tonumber(ARGV[2])

if left > 0 then
  -- The score, and 0 for a key that is not there yet. ZSCORE would be one more permission.
  local ends_at = tonumber(redis.call('ZADD', KEYS[1], 'INCR', 0, ARGV[1]))
  if ends_at > now() + left then
    return
  end
end
enter(KEYS[1], ARGV[1], left)
