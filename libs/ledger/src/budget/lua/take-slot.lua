-- Takes a slot of the request budget: GCRA, with next to no burst.
--
-- @include budget/probe
-- @include scripts/call
-- @include scripts/number
-- @include time/time-left

-- After idle time this many requests may leave at once; beyond that, one each step.
local TOLERANCE_STEPS = 2
-- A pace that was slowed down recovers within this time.
local RECOVERY_US = 60000000
-- A lane that may reserve a slot gets none farther ahead than this.
local HORIZON_US = 10000000
-- One request in this many belongs to the sweep.
local SWEEP_STEPS = 50
-- A share of the pace that is lower was written by another client.
local LOWEST_SHARE = 0.1

-- When the budget was last open, and until when upstream has closed it (µs from now). If the clock has been
-- turned back since, both are unknown, and the budget counts as open.
local function closed_us(closed_until, closed_at, now)
  if (tonumber(closed_at) or 0) > now + RECOVERY_US then return 0 end
  return 1000 * time_left(tonumber(closed_until) or 0, math.floor(now / 1000), 3600000)
end

-- `step` is the pause between two requests in µs; 0 means no limit. The lane `first` (single rotations,
-- reading back) and, within its share, `sweep` reserve the next slot if none is free, before all lanes that
-- only ask again: that is their priority. `bulk` gets what is free; `sweep`, beyond its share, what no other
-- lane wants. `slot_granted`: the caller reserved a slot before and has waited for it. The slot is valid
-- unless the budget was closed meanwhile. Returns whether there is a slot now, the µs to wait, whether a
-- slot is reserved for then, and whether this one probes a closed budget: it stays valid however late the
-- request leaves, since no other leaves for a minute.
local function take_slot(budget, now, step, lane, slot_granted)
  if step == 0 then return true, 0, false end
  local next_text, closed_until, pace, pace_at, sweep_next, closed_at, probe_at =
    fields(budget, { next_text = 'next' })
  local closed = closed_us(closed_until, closed_at, now)
  if slot_granted and closed == 0 then return true, 0, false end
  local next_slot = tonumber(next_text) or 0
  -- Lua reads `nan` as a number, which compares with nothing.
  if next_slot ~= next_slot then next_slot = now end
  if closed > 0 and probe_at and tonumber(probe_at) <= now then
    write('HSET', budget, 'probe_at', int(now + PROBE_US), 'next', int(math.max(next_slot, now) + step))
    return true, 0, false, true
  end
  local share, pace_age = math.max(tonumber(pace) or 1, LOWEST_SHARE), now - (tonumber(pace_at) or 0)
  if share < 1 and pace_age >= 0 then step = step / math.min(share + pace_age / RECOVERY_US, 1) end
  -- Set before the clock was turned back.
  if next_slot > now + closed + 2 * HORIZON_US + SWEEP_STEPS * step then next_slot = now end
  local idle = next_slot < now - step
  next_slot = math.max(next_slot, closed > 0 and now + closed or now - TOLERANCE_STEPS * step)

  local reserves = lane == 'first'
  local next_of_sweep
  if lane == 'sweep' then
    local own = tonumber(sweep_next) or 0
    if own <= now or own > now + 2 * SWEEP_STEPS * step + RECOVERY_US then
      reserves, next_of_sweep = true, now + SWEEP_STEPS * step
    elseif not idle then
      return false, math.max(step, math.min(own - now, 1000000)), false
    end
  end

  local wait = math.max(next_slot - now, 0)
  if wait > 0 and (not reserves or wait > HORIZON_US) then return false, wait, false end
  write('HSET', budget, 'next', int(next_slot + step))
  if next_of_sweep then write('HSET', budget, 'sweep_next', int(next_of_sweep)) end
  return wait == 0, wait, wait > 0
end
