-- One batch. KEYS[1] holds the replicas, the others states. ARGV[1] is numbers and names, as Batch.words writes them,
-- ARGV[2] who asks. The reply is numbers, as Batch.deliver reads them.
local replica = ARGV[2]
local time = redis.call('TIME')
local now = (time[1] - EPOCH) * SECOND + time[2]
local word = string.gmatch(ARGV[1], '%S+')
local function whole() return tonumber(word()) end

local reply, malformed = {}, 0
local function say(value) reply[#reply + 1] = number(value) end

local function slots_of(first, count)
  local slots = {}
  for i = 1, count do slots[i] = replica .. ':' .. number(first + i - 1) end
  return slots
end

local function listed_slots()
  local slots = {}
  for i = 1, whole() do slots[i] = replica .. ':' .. word() end
  return slots
end

-- The numbers of a state; nil when there is none or it is not one of ours.
local function parsed(raw, length)
  if not raw then return nil end
  local words = {}
  if not string.find(raw, '[^%d%- ]') then
    for digits in string.gmatch(raw, '%S+') do
      local value = tonumber(digits)
      if not value or math.abs(value) > EXACT then break end
      words[#words + 1] = value
    end
  end
  if #words >= length and (#words - length) % 2 == 0 then return words end
  malformed = malformed + 1
end

local function announced(lease)
  lease_slots(KEYS[1], lease, now, {replica})
  return redis.call('ZCARD', KEYS[1])
end

local replicas_lease = whole()
if replicas_lease > 0 then say(announced(replicas_lease)) end

-- Slots that are free again, slots that are still held.
for _ = 1, whole() do
  local key = KEYS[whole()]
  redis.call('ZREM', key, unpack(listed_slots()))
end
for _ = 1, whole() do
  local key, lease = KEYS[whole()], whole()
  lease_slots(key, lease, now, listed_slots())
end

-- Algorithms, and each key with its one.
local algorithms = {}
for i = 1, whole() do
  local kind, parameters = kinds[word()], {}
  for j = 1, whole() do parameters[j] = whole() end
  algorithms[i] = {kind, parameters}
end
local first_state, states = whole(), {}
local count = whole()
if count > 0 then
  local raws = redis.call('MGET', unpack(KEYS, first_state, first_state + count - 1))
  for i = 1, count do
    local kind, p = unpack(algorithms[whole()])
    local key, s = KEYS[first_state + i - 1], nil
    if kind.holds then
      s = kind.read(p, key, now)
    else
      s = kind.read(p, parsed(raws[i], kind.length), now)
    end
    states[i] = {kind = kind, p = p, key = key, s = s, slots = {}}
    for _, value in ipairs(kind.view(p, s, now)) do say(value) end
  end
end

-- What is asked together: the cost, and for each rule whether it is a shadow.
local shapes = {}
for i = 1, whole() do
  local shape = {cost = whole()}
  for j = 1, whole() do shape[j] = whole() == 1 end
  shapes[i] = shape
end

local function room(state, cost) return math.max(0, floor(state.kind.units(state.p, state.s, now), cost)) end

local function take(state, cost, times, first_slot)
  if times == 0 then return end
  state.kind.debit(state.p, state.s, now, cost * times)
  state.changed = true
  if state.kind.holds then
    for _, slot in ipairs(slots_of(first_slot, times)) do state.slots[#state.slots + 1] = slot end
  end
end

-- In the order of arrival: as many of `times` equal requests as every rule that is no shadow lets pass.
for _ = 1, whole() do
  local shape, times, first_slot = shapes[whole()], whole(), whole()
  local asked, granted = {}, times
  for j, shadow in ipairs(shape) do
    asked[j] = states[whole()]
    if not shadow then granted = math.min(granted, room(asked[j], shape.cost)) end
  end
  say(granted)
  local short = granted < times
  for j, shadow in ipairs(shape) do
    local given = granted
    if shadow then
      given = math.min(granted, room(asked[j], shape.cost))
      short = short or given < granted
      say(given)
    end
    take(asked[j], shape.cost, given, first_slot)
  end
  if short then
    for j in ipairs(shape) do
      local state = asked[j]
      if room(state, shape.cost) > 0 then
        say(0)
      else
        say(state.kind.wait(state.p, state.s, now, shape.cost))
      end
    end
  end
end

-- Each changed key is written once, and leaves when it is as good as never seen.
for _, state in ipairs(states) do
  if state.kind.holds then
    if #state.slots > 0 then lease_slots(state.key, state.p[2], now, state.slots) end
  elseif state.changed or state.s.stepped then
    local words, ttl = state.kind.write(state.p, state.s, now)
    if ttl > 0 then
      for i, value in ipairs(words) do words[i] = number(value) end
      redis.call('SET', state.key, table.concat(words, ' '), 'PX', number(ceil(ttl, 1000) + 1))
    else
      redis.call('DEL', state.key)
    end
  end
end
say(malformed)
return table.concat(reply, ' ')
