-- Runs a command on a record and, if it succeeds, enters the key in the index of its user.
--
-- KEYS     the record, the index
-- ARGV     the key, the milliseconds that its record then has left,
--          the command, its arguments after the record's name
-- returns  the command's reply

local reply = redis.call(ARGV[3], KEYS[1], unpack(ARGV, 4))

if reply and reply ~= 0 then
  enter(KEYS[2], ARGV[1], ARGV[2])
end
return reply
