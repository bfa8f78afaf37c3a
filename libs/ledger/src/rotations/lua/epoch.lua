-- The next epoch of an assistant. It rises even if Redis lost its last seconds, because the clock has moved
-- on.

local function next_epoch(now, epoch, version)
  return math.max(now, (tonumber(epoch) or 0) + 1, (tonumber(version) or 0) + 1)
end
