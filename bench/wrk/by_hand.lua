-- What the scripts that are run by hand share. They read from the environment
--   TOKEN    sent as `authorization: Bearer`; none when it is empty
--   SERVICE  requests go below /v1/$SERVICE (demo), unless the URL has a path, such as http://127.0.0.1:8000/v1
--   MODEL    demo
--   MAX_TOKENS  of a chat reply, 16
-- and print, after wrk's own words, one line of JSON.
local hand = {}

-- The variable `name`, or `default` when it is not set or empty.
function hand.env(name, default)
  local value = os.getenv(name)
  if value == nil or value == "" then
    return default
  end
  return value
end

-- End wrk with a sentence; after an ordinary error it would go on with requests of its own.
function hand.fail(sentence)
  io.stderr:write(sentence, "\n")
  os.exit(2)
end

hand.token = hand.env("TOKEN", "")
hand.model = hand.env("MODEL", "demo")

-- The head that the openai Python client sends, in its order and spelling; a test compares it with the one in
-- bench/clients/request.py, and another that one with the client.
local BEFORE_TOKEN = {
  "Accept-Encoding: gzip, deflate",
  "Connection: keep-alive",
}
local AFTER_TOKEN = {
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
}

local function base()
  local path = (wrk.path or ""):gsub("/+$", "")
  if path == "" then
    return "/v1/" .. hand.env("SERVICE", "demo")
  end
  return path
end

-- A whole request; `extra` are more header lines, each with its CRLF, `token` replaces the one of the environment.
function hand.post(path, body, extra, token)
  local lines = { "POST " .. base() .. path .. " HTTP/1.1", "Host: " .. wrk.host .. ":" .. wrk.port }
  for _, line in ipairs(BEFORE_TOKEN) do
    lines[#lines + 1] = line
  end
  token = token or hand.token
  if token ~= "" then
    lines[#lines + 1] = "authorization: Bearer " .. token
  end
  for _, line in ipairs(AFTER_TOKEN) do
    lines[#lines + 1] = line
  end
  return table.concat(lines, "\r\n") .. "\r\n" .. (extra or "") .. "Content-Length: " .. #body .. "\r\n\r\n" .. body
end

-- The body of a chat request of `size` bytes.
function hand.chat(size)
  local before = '{"model":"' .. hand.model .. '","messages":[{"role":"user","content":"'
  local after = '"}],"max_tokens":' .. hand.env("MAX_TOKENS", "16") .. "}"
  return before .. string.rep("w", math.max(size - #before - #after, 1)) .. after
end

-- The body of an embeddings request for eight texts of 512 bytes.
function hand.embeddings()
  local texts = {}
  for number = 1, 8 do
    texts[number] = '"' .. string.rep("w", 511) .. number .. '"'
  end
  return '{"model":"' .. hand.model .. '","input":[' .. table.concat(texts, ",") .. "]}"
end

-- Header lines that no other request has, for the request `count` of this thread.
function hand.own(count)
  local number = (thread_number or 0) * 0x1000000 + count
  return string.format(
    "traceparent: 00-0af7651916cd43dd%016x-b7ad6b71%08x-01\r\nX-Request-Id: hand-%016x\r\n", number, number, number)
end

local threads = {}
statuses = {}

function setup(thread)
  threads[#threads + 1] = thread
  thread:set("thread_number", #threads)
end

-- Count replies by status as well. It costs the generator a call for each reply, so only scripts that need it do.
function hand.count_statuses()
  function response(status)
    local key = tostring(status)
    statuses[key] = (statuses[key] or 0) + 1
  end
end

local function counted()
  local total, names, parts = {}, {}, {}
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses") or {}) do
      total[status] = (total[status] or 0) + count
    end
  end
  for status in pairs(total) do
    names[#names + 1] = status
  end
  table.sort(names)
  for place, status in ipairs(names) do
    parts[place] = string.format('"%s": %d', status, total[status])
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

function done(summary, latency)
  local seconds, errors = summary.duration / 1e6, summary.errors
  local function at(percent)
    return latency:percentile(percent) / 1e3
  end
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.3f, "per_second": %.1f, "bytes_per_second": %.0f, '
      .. '"latency_ms": {"p50": %.3f, "p90": %.3f, "p99": %.3f, "p99.9": %.3f, "max": %.3f}, '
      .. '"errors": {"connect": %d, "read": %d, "write": %d, "timeout": %d}, "non_2xx": %d, "statuses": %s}\n',
    summary.requests, seconds, summary.requests / seconds, summary.bytes / seconds,
    at(50), at(90), at(99), at(99.9), latency.max / 1e3,
    errors.connect, errors.read, errors.write, errors.timeout, errors.status, counted()))
end

return hand
