-- Whether a holder is not a rotation that can be read. No rotation then closes its intent, and a POST, if one
-- left, can no longer take effect.
--
-- @include rotations/rotation

local function is_orphaned(holder, lands_ms, now_ms)
  local state = redis.pcall('HGET', rotation_key(holder), 'state')
  return (not state or type(state) == 'table') and lands_ms <= now_ms
end
