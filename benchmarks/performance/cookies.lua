-- Every request of wrk carries the next of the cookies that are its arguments.

local cookies
local number = 0

function init (args)
  cookies = args
end

function request ()
  number = number % #cookies + 1
  return wrk.format(nil, nil, { Cookie = cookies[number] })
end
