-- token_bucket.py, line by line. A view is the credits, a state the credits and when they were counted.
kinds.token_bucket = {
  length = 2,
  read = function(p, words, now)
    local full, gain, fill = p[1], p[2], p[4]
    if not words then return {credit = full} end
    local credit, passed = words[1], now - words[2]
    local stepped = passed < 0
    if passed >= fill then
      credit = full
    elseif passed > 0 then
      credit = math.min(full, credit + passed * gain)
    end
    return {credit = credit, stepped = stepped}
  end,
  units = function(p, s) return floor(s.credit, p[3]) end,
  wait = function(p, s, now, cost)
    local need = cost * p[3]
    if need > p[1] then return NEVER end
    return ceil(need - s.credit, p[2])
  end,
  debit = function(p, s, now, cost) s.credit = s.credit - cost * p[3] end,
  view = function(p, s) return {s.credit} end,
  write = function(p, s, now) return {s.credit, now}, ceil(p[1] - s.credit, p[2]) end,
}
