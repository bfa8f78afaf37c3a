-- The next epoch of an assistant. It rises even if Redis lost its last seconds, because the clock has moved
-- on.

local MAX_EPOCH = 2 ^ 53 - 2 ^ 40

-- Whether an epoch or a version is larger than any that Rekey draws, or nearly the largest that all programs
-- read exactly: another client wrote it. No version after it could be published, so that no POST may leave.
local function is_beyond(text)
  local number = tonumber(text)
  return number ~= nil and not (number < MAX_EPOCH)
end

local BEYOND = 'WRONGTYPE The epoch or the version of an assistant is larger than any of Rekey'

local function next_epoch(now, epoch, version)
  return math.max(now, (tonumber(epoch) or 0) + 1, (tonumber(version) or 0) + 1)
end
