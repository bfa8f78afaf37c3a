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

local function note_unknown_outcome(ledger, org, now_ms)
  if write('HINCRBY', ledger, 'run:' .. org, 1) == 1 and read('HLEN', ledger) > 2 * MAX_ORGS then
    forget_oldest_unknowns(ledger)
  end
  write('HSET', ledger, 'run_at:' .. org, int(now_ms))
end
