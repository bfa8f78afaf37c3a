-- The hash of QUEUED sweeps, and the lock, are restored by the sweeps that follow: if another client has
-- given one of them another type, it counts as empty, and the next write replaces it. Otherwise no sweep
-- could be made, or begin, ever again.
--
-- @include scripts/call

local function is_wrong_type(key)
  local kind = read('TYPE', key).ok
  return kind ~= 'none' and kind ~= 'hash'
end

-- The id of the sweep that is QUEUED for an org, or for all; false if there is none.
local function queued_for(queued, org)
  return not is_wrong_type(queued) and read('HGET', queued, org)
end

-- Whether a sweep of one org is among them.
local function is_another_queued(queued)
  if is_wrong_type(queued) then return false end
  return read('HLEN', queued) > read('HEXISTS', queued, '')
end
