-- leaky_bucket.py, line by line. A view is the level, a state the level and when it was measured.
kinds.leaky_bucket = {
  length = 2,
  read = function(p, words, now)
    if not words then return {level = 0} end
    local level, passed = words[1], now - words[2]
    local stepped = passed < 0
    if passed >= p[4] then
      level = 0
    elseif passed > 0 then
      level = math.max(0, level - passed * p[2])
    end
    return {level = level, stepped = stepped}
  end,
  units = function(p, s) return floor(p[1] - s.level, p[3]) end,
  wait = function(p, s, now, cost)
    local need = cost * p[3]
    if need > p[1] then return NEVER end
    return ceil(s.level + need - p[1], p[2])
  end,
  debit = function(p, s, now, cost) s.level = s.level + cost * p[3] end,
  view = function(p, s) return {s.level} end,
  write = function(p, s, now) return {s.level, now}, ceil(s.level, p[2]) end,
}
