-- Starts the life of a record again, if it is one of those whose life is known and due.
--
-- KEYS[1]  the record
-- ARGV     the beginning of such records, their milliseconds to live, by how much less or
--          more they have to have left
-- returns  {milliseconds left, 1 if it was touched}, or {-2, 0} for nothing

local left = redis.call('PTTL', KEYS[1])

local is_due = left > 0 and math.abs(ARGV[2] - left) >= tonumber(ARGV[3])
if is_due and redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {tonumber(ARGV[2]), 1}
end
return {left, 0}
