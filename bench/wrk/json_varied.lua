-- Every request has its own trace, request id and length, 512 to 1,536 bytes, so that no head is seen twice.
dofile("openai.lua")

local count = 0

function request()
  count = count + 1
  local extra = string.format(
    "traceparent: 00-0af7651916cd43dd%016x-b7ad6b71%08x-00\r\nX-Request-Id: bench-%016x\r\n", count, count, count)
  return chat_request(extra, 512 + count * 389 % 1025)
end
