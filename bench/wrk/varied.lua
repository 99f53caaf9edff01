-- Every request has its own trace, request id and length, 512 to 1,536 bytes, so that no head is seen twice.
-- TOKEN=... wrk -t1 -c64 -d10s --latency -s bench/wrk/varied.lua http://127.0.0.1:8080
local hand = dofile((debug.getinfo(1, "S").source:match("@(.*/)") or "") .. "by_hand.lua")

local bodies, count = {}, 0

function request()
  count = count + 1
  local size = 512 + count * 389 % 1025
  bodies[size] = bodies[size] or hand.chat(size)
  return hand.post("/chat/completions", bodies[size], hand.own(count))
end
