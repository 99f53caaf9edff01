-- approximate_window.py, line by line. A view is: units in the previous window, in the current one, microseconds into it.
kinds.approximate_window = {
  length = 4,
  read = function(p, words, now)
    if not words then return {begun = now, previous = 0, current = 0} end
    local back, window = math.max(0, words[1] - now), p[2]
    local s = {begun = words[2] - back, previous = words[3], current = words[4], stepped = back > 0}
    local over = floor(now - s.begun, window)
    if over > 0 then
      s.previous, s.current = over == 1 and s.current or 0, 0
      s.begun = s.begun + over * window
    end
    if s.previous == 0 and s.current == 0 then s.begun = now end
    return s
  end,
  units = function(p, s, now)
    return p[1] - s.current - ceil(s.previous * (p[2] - (now - s.begun)), p[2])
  end,
  wait = function(p, s, now, cost)
    local limit, window, elapsed = p[1], p[2], now - s.begun
    if cost > limit then return NEVER end
    local room = limit - s.current - cost
    if room >= 0 then return window - floor(room * window, s.previous) - elapsed end
    return window - elapsed + math.max(0, window - floor((limit - cost) * window, s.current))
  end,
  debit = function(p, s, now, cost) s.current = s.current + cost end,
  view = function(p, s, now) return {s.previous, s.current, now - s.begun} end,
  write = function(p, s, now)
    local ttl = 0
    if s.current > 0 then
      ttl = 2 * p[2] - (now - s.begun)
    elseif s.previous > 0 then
      ttl = p[2] - (now - s.begun)
    end
    return {now, s.begun, s.previous, s.current}, ttl
  end,
}
