-- A weighted mix, shuffled; replies are counted by status. MIX names the kinds and their weights:
-- chat, varied, prompt, embeddings, refused (no token).
-- TOKEN=... MIX=chat=9,prompt=1 wrk -t1 -c64 -d10s --latency -s bench/wrk/mixed.lua http://127.0.0.1:8080
local hand = dofile((debug.getinfo(1, "S").source:match("@(.*/)") or "") .. "by_hand.lua")
hand.count_statuses()

local small, large = hand.chat(1024), hand.chat(100 * 1024)
local texts = hand.embeddings()
local kinds = {
  chat = function() return hand.post("/chat/completions", small) end,
  varied = function(count) return hand.post("/chat/completions", small, hand.own(count)) end,
  prompt = function() return hand.post("/chat/completions", large) end,
  embeddings = function() return hand.post("/embeddings", texts) end,
  refused = function() return hand.post("/chat/completions", small, "", "") end,
}
local wheel, count = {}, 0
for name, weight in hand.env("MIX", "chat=70,varied=15,prompt=5,embeddings=5,refused=5"):gmatch("([^,=]+)=(%d+)") do
  local kind = kinds[name] or hand.fail("MIX: no kind " .. name .. " of chat, varied, prompt, embeddings, refused")
  for _ = 1, tonumber(weight) do
    wheel[#wheel + 1] = kind
  end
end
if #wheel == 0 then
  hand.fail("MIX has no weights; write it as chat=70,prompt=30")
end

function request()
  count = count + 1
  return wheel[math.random(#wheel)](count)
end
