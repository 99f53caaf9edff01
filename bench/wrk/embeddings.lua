-- Eight texts to embed.
-- TOKEN=... wrk -t1 -c64 -d10s --latency -s bench/wrk/embeddings.lua http://127.0.0.1:8080
local hand = dofile((debug.getinfo(1, "S").source:match("@(.*/)") or "") .. "by_hand.lua")

local same

function request()
  same = same or hand.post("/embeddings", hand.embeddings())
  return same
end
