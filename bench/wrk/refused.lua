-- Requests that get no further than the gateway; replies are counted by status.
-- REFUSE=401: in turn no token, one that is none, and one with a wrong signature.
-- REFUSE=429: as chat.lua, until a limit says no.
-- TOKEN=... REFUSE=401 wrk -t1 -c64 -d10s --latency -s bench/wrk/refused.lua http://127.0.0.1:8080
local hand = dofile((debug.getinfo(1, "S").source:match("@(.*/)") or "") .. "by_hand.lua")
hand.count_statuses()

-- HS256, {"sub":"mallory"}, signed by nobody.
local FORGED = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJtYWxsb3J5In0." .. string.rep("A", 43)
local tokens = { ["401"] = { "", "no-token", FORGED }, ["429"] = { hand.token } }
local mode = hand.env("REFUSE", "401")
local chosen = tokens[mode] or hand.fail("REFUSE=" .. mode .. ": 401 or 429")
local requests, count = nil, 0

function request()
  if not requests then
    requests = {}
    for place, token in ipairs(chosen) do
      requests[place] = hand.post("/chat/completions", hand.chat(1024), "", token)
    end
  end
  count = count + 1
  return requests[count % #requests + 1]
end
