-- 1 KB of JSON, always the same, with the head of the openai client.
-- TOKEN=... wrk -t1 -c64 -d10s --latency -s bench/wrk/chat.lua http://127.0.0.1:8080
local hand = dofile((debug.getinfo(1, "S").source:match("@(.*/)") or "") .. "by_hand.lua")

local same

function request()
  same = same or hand.post("/chat/completions", hand.chat(1024))
  return same
end
