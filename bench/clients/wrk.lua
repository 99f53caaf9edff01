-- Sends the requests in the files that BENCH_REQUESTS names, in turn; they were written by bench/clients/request.py.
-- Marks in them are filled in: "@" x 16 with one of BENCH_TURN numbers, all of which come before one comes again, "#" x
-- 16 with one that never comes again, both in 16 hexadecimal digits; "~" x 16 with the next line of the file BENCH_LINES.
local turn, count = tonumber(os.getenv("BENCH_TURN")), tonumber(os.getenv("BENCH_FROM"))
local templates, lines = {}, {}
local STRIDE = 611953 -- a prime: neighbours in time are far from each other in any table

local FILLING = {
  ["@"] = function() return string.format("%016x", count * STRIDE % turn) end,
  ["#"] = function() return string.format("%016x", count) end,
  ["~"] = function() return lines[count % #lines + 1] end,
}

-- The text between the marks, and what each mark is filled with.
local function pieces(text)
  local found, fillings, from = {}, {}, 1
  while true do
    local first = nil
    for mark in pairs(FILLING) do
      local at = string.find(text, string.rep(mark, 16), from, true)
      if at and (not first or at < first) then first = at end
    end
    table.insert(found, string.sub(text, from, (first or 0) - 1))
    if not first then return { texts = found, fillings = fillings } end
    table.insert(fillings, FILLING[string.sub(text, first, first)])
    from = first + 16
  end
end

for name in string.gmatch(os.getenv("BENCH_REQUESTS"), "[^:]+") do
  local file = assert(io.open(name, "rb"))
  table.insert(templates, pieces(file:read("*a")))
  file:close()
end

if os.getenv("BENCH_LINES") ~= "" then
  for line in io.lines(os.getenv("BENCH_LINES")) do table.insert(lines, line) end
end

function request()
  local template = templates[count % #templates + 1]
  count = count + 1
  if #template.fillings == 0 then return template.texts[1] end
  local parts = { template.texts[1] }
  for place, filling in ipairs(template.fillings) do
    table.insert(parts, filling())
    table.insert(parts, template.texts[place + 1])
  end
  return table.concat(parts)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('\n{"requests": %d, "seconds": %.6f, "broken": %d, "refused": %d, ',
    summary.requests, summary.duration / 1e6, errors.connect + errors.read + errors.write + errors.timeout,
    errors.status))
  io.write(string.format('"p50_ms": %.3f, "p90_ms": %.3f, "p99_ms": %.3f, "p999_ms": %.3f}\n',
    latency:percentile(50) / 1e3, latency:percentile(90) / 1e3, latency:percentile(99) / 1e3,
    latency:percentile(99.9) / 1e3))
end
