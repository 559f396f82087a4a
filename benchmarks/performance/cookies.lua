-- Each request of wrk sends the next cookie. The cookies are the script's arguments.

local cookies
local number = 0

function init (args)
  cookies = args
end

function request ()
  number = number % #cookies + 1
  return wrk.format(nil, nil, { Cookie = cookies[number] })
end
