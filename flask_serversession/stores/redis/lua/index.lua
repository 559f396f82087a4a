-- The index of a user: the keys of its records, scored by the millisecond at which they end.

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Without it, newer servers write some numbers as 1e+12.
local function whole(number)
  return string.format('%.0f', number)
end

-- Enters a key whose record has this many milliseconds left. With none left the key is removed,
-- as are all keys whose records have ended. The index expires with its longest record.
local function enter(index, key, left)
  local time = now()
  if tonumber(left) > 0 then
    redis.call('ZADD', index, whole(time + left), key)
  else
    redis.call('ZREM', index, key)  -- which a full server does, unlike ZADD
  end
  redis.call('ZREMRANGEBYSCORE', index, '-inf', whole(time))

  local longest = redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')[2]
  if longest then
    redis.call('PEXPIRE', index, whole(longest - time))
  end
end
