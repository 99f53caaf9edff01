-- The head that the openai Python client sends, in its order and spelling (tests/bench compares the names).
local BEFORE_LENGTH = table.concat({
  "Host: " .. wrk.host .. ":" .. wrk.port,
  "Accept-Encoding: gzip, deflate",
  "Connection: keep-alive",
  "authorization: Bearer " .. os.getenv("BENCH_TOKEN"),
  "accept: application/json",
  "content-type: application/json",
  "user-agent: AsyncOpenAI/Python 3.57.0",
  "x-stainless-lang: python",
  "x-stainless-package-version: 3.57.0",
  "x-stainless-os: Linux",
  "x-stainless-arch: x64",
  "x-stainless-runtime: CPython",
  "x-stainless-runtime-version: 3.11.7",
  "x-stainless-async: async:asyncio",
  "x-stainless-retry-count: 0",
  "x-stainless-read-timeout: 600",
}, "\r\n")

-- A chat request; `extra` are more header lines, each with its CRLF; `size` is that of the body in bytes.
function chat_request(extra, size)
  local before = '{"model":"constant","messages":[{"role":"user","content":"'
  local after = '"}]}'
  local body = before .. string.rep("w", size - #before - #after) .. after
  return "POST " .. wrk.path .. " HTTP/1.1\r\n" .. BEFORE_LENGTH .. "\r\n" .. extra
    .. "Content-Length: " .. size .. "\r\n\r\n" .. body
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "broken": %d, "refused": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
