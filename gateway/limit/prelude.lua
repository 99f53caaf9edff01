-- Limits decided in Redis: a transcription of the Python beside it, integer by integer. prelude.lua, the algorithms and
-- batch.lua make one script; gateway/limit/script.py puts them together and writes what it is asked, and reads its reply.
local SECOND, NEVER, EXACT = 1000000, -1, 9007199254740992
local EPOCH = 1700000000 -- seconds; times since then have fewer digits
local kinds = {}

-- Division of integers in doubles: math.fmod is exact, a quotient need not be.
local function floor(a, b)
  local rest = math.fmod(a, b)
  if rest < 0 then rest = rest + b end
  return (a - rest) / b
end

local function ceil(a, b) return -floor(-a, b) end

-- Lua itself would write 1e+15.
local function number(value) return string.format('%.0f', value) end
