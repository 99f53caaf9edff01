-- concurrency.py: a sorted set of slots, each with the moment its lease ends. A view is the slots taken.
kinds.concurrency = {
  holds = true,
  read = function(p, key, now)
    return {taken = redis.call('ZCOUNT', key, '(' .. number(now), '+inf')}
  end,
  units = function(p, s) return math.max(0, p[1] - s.taken) end,
  wait = function(p, s, now, cost)
    if cost > p[1] then return NEVER end
    return SECOND
  end,
  debit = function(p, s, now, cost) s.taken = s.taken + cost end,
  view = function(p, s) return {s.taken} end,
}

-- Take or renew slots: their leases end one lease from now. What has ended goes afterwards: Redis refuses a write for
-- want of memory only when it is the script's first.
local function lease_slots(key, lease, now, slots)
  local ends = number(now + lease)
  for start = 1, #slots, 1000 do -- unpack takes a few thousand at most
    local arguments = {}
    for i = start, math.min(#slots, start + 999) do
      arguments[#arguments + 1] = ends
      arguments[#arguments + 1] = slots[i]
    end
    redis.call('ZADD', key, unpack(arguments))
  end
  redis.call('ZREMRANGEBYSCORE', key, '-inf', number(now))
  redis.call('PEXPIRE', key, number(ceil(lease, 1000) + 1))
end
