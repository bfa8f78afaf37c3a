-- Sets the state of a rotation, and further fields. The hash must exist. `since`, `next`, `read_error` and
-- `operator` belong to RECONCILING only: in another state they mean nothing.
--
-- @include scripts/call
-- @include rotations/rotation

local function set_state(id, to, now_ms, ...)
  write('HSET', rotation_key(id), 'state', to, 'updated', now_ms, ...)
end
