-- Every request has its own id, and one of BENCH_KEYS keys, each in its turn.
dofile("openai.lua")

local keys, count = tonumber(os.getenv("BENCH_KEYS")), 0

function request()
  count = count + 1
  return chat_request(string.format("X-Key: key-%010d\r\nX-Request-Id: bench-%016x\r\n", count % keys, count), 1024)
end
