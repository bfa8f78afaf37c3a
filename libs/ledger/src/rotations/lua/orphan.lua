-- Whether a holder is not a rotation that is under way, or one that cannot be read. No rotation then closes
-- its intent, and a POST, if one left, can no longer take effect. Another client can write any holder, a
-- state that says otherwise, and a moment that no landing window reaches.
--
-- @include rotations/rotation

-- Longer than any POST takes: the longest landing window, time-out and read lag that can be set.
local LANDED_WITHIN_MS = 5400000

local function is_orphaned(holder, lands_ms, now_ms)
  if lands_ms > now_ms and lands_ms - now_ms < LANDED_WITHIN_MS then return false end
  local state = redis.pcall('HGET', rotation_key(holder), 'state')
  if state ~= 'QUEUED' and state ~= 'ROTATING' and state ~= 'RECONCILING' then return true end
  -- Nobody looks for the job of a rotation that is not in this index.
  return redis.pcall('ZSCORE', PREFIX .. ':rotations:open', holder) == false
end
