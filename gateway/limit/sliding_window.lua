-- sliding_window.py, line by line. A state is: of when, first unit of the newest entry, then last unit and units of
-- each entry, oldest first. In `s` the entries are at 1..#s, two numbers each.
local function joins(p, s, now) return #s > 0 and now - s.opened < p[3] end

local function used(s)
  local units = 0
  for i = 2, #s, 2 do units = units + s[i] end
  return units
end

kinds.sliding_window = {
  length = 2,
  read = function(p, words, now)
    if not words then return {opened = now} end
    local back, horizon = math.max(0, words[1] - now), now - p[2]
    local s = {opened = words[2] - back, stepped = back > 0}
    for i = 3, #words, 2 do
      local last = words[i] - back
      if last > horizon then
        s[#s + 1] = last
        s[#s + 1] = words[i + 1]
      end
    end
    return s
  end,
  units = function(p, s) return p[1] - used(s) end,
  wait = function(p, s, now, cost)
    if cost > p[1] then return NEVER end
    local excess, freed = used(s) + cost - p[1], 0
    for i = 1, #s, 2 do
      freed = freed + s[i + 1]
      if freed >= excess then return s[i] + p[2] - now end
    end
  end,
  debit = function(p, s, now, cost)
    if joins(p, s, now) then
      s[#s - 1] = now
      s[#s] = s[#s] + cost
    else
      s.opened = now
      s[#s + 1] = now
      s[#s + 1] = cost
    end
  end,
  view = function(p, s, now)
    if #s == 0 then return {0, 0, 0, p[2]} end
    local leaves, last = s[1] + p[2] - now, s[#s - 1] + p[2] - now
    local only = #s == 2 and joins(p, s, now)
    return {used(s), leaves, last, only and p[2] or leaves}
  end,
  write = function(p, s, now)
    return {now, s.opened, unpack(s)}, #s == 0 and 0 or s[#s - 1] + p[2] - now
  end,
}
