-- Notes an unknown outcome of an org. Of orgs without one for the longest time, the count is forgotten: any
-- caller can name orgs that do not exist, and each would leave fields behind.
--
-- @include scripts/call
-- @include scripts/number

local MAX_ORGS = 1000

-- Leaves room for half as many again: this reads all fields.
local function forget_oldest_unknowns(ledger)
  local found = {}
  local facts = read('HGETALL', ledger)
  for i = 1, #facts, 2 do
    local org = string.match(facts[i], '^run_at:(.*)$')
    if org then found[#found + 1] = { org = org, at = tonumber(facts[i + 1]) or 0 } end
  end
  table.sort(found, function(a, b) return a.at < b.at end)
  for i = 1, #found - MAX_ORGS / 2 do
    write('HDEL', ledger, 'run:' .. found[i].org, 'run_at:' .. found[i].org)
  end
end

-- The hash has other fields too, of which there may be many: only if it has grown since the last time are
-- there so many orgs again.
local function bound_unknown_orgs(ledger)
  local count, counted = read('HLEN', ledger), tonumber(read('HGET', ledger, 'run_counted')) or 0
  if count > math.max(2 * MAX_ORGS, math.min(counted, count) + MAX_ORGS) then
    forget_oldest_unknowns(ledger)
    count = read('HLEN', ledger) + 1
  elseif count >= counted then
    return
  end
  write('HSET', ledger, 'run_counted', int(count))
end

local function note_unknown_outcome(ledger, org, now_ms)
  if write('HINCRBY', ledger, 'run:' .. org, 1) == 1 then bound_unknown_orgs(ledger) end
  write('HSET', ledger, 'run_at:' .. org, int(now_ms))
end
