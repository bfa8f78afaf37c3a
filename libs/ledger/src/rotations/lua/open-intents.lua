-- The number of open intents, of an org and in all. At the limit, intents whose assistant was deleted from
-- the ledger by hand are removed: otherwise they would always count. So are those that a worker of an earlier
-- version has closed, which does not know the index of all; and entries of another client, whose moment lies
-- farther ahead than that of any POST.
--
-- @include rotations/own-intents
-- @include scripts/call
-- @include scripts/number

local LOOKED_AT = 100
-- Longer than any landing window.
local LANDS_WITHIN_MS = 86400000

-- Removes entries without an assistant that holds an intent. Of many, it looks at another part each time.
local function remove_stale(intents, from, to, now_ms)
  local count = read('ZCOUNT', intents, from, to)
  local first = count > LOOKED_AT and now_ms % (count - LOOKED_AT + 1) or 0
  for _, name in ipairs(read('ZRANGEBYSCORE', intents, from, to, 'LIMIT', int(first), LOOKED_AT)) do
    if not redis.pcall('HGET', PREFIX .. ':assistant:' .. name, 'holder') then
      write('ZREM', intents, name)
    end
  end
end

local function count_intents(intents, limit, now_ms)
  local open = read('ZCARD', intents)
  if open < limit then return open end
  -- The other bound decides whether a POST may leave: it is read before anything is written.
  read('ZCARD', PREFIX .. ':intents')
  remove_stale(intents, '-inf', int(now_ms), now_ms)
  remove_stale(intents, int(now_ms + LANDS_WITHIN_MS), '+inf', now_ms)
  return read('ZCARD', intents)
end

local function open_intents(intents, limit, now_ms)
  return count_intents(own_intents(intents), limit, now_ms)
end

-- The limit of one org bounds nothing for a caller that names many orgs: all together have a limit of their
-- own. A response takes less than this, as a rule. If most intents are older, their outcomes are unknown.
local USUALLY_ENDS_WITHIN_MS = 5000

-- How many further intents may be open; if none, whether that is because outcomes are unknown, and not only
-- because many requests are in flight.
local function room_in_all(limit, now_ms, landing_ms)
  local room = limit - count_intents(PREFIX .. ':intents', limit, now_ms)
  if room > 0 then return room, false end
  local middle = int(math.floor(limit / 2))
  local _, lands = unpack(read('ZRANGE', PREFIX .. ':intents', middle, middle, 'WITHSCORES'))
  return 0, now_ms + landing_ms - (tonumber(lands) or 0) > USUALLY_ENDS_WITHIN_MS
end
