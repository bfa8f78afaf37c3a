-- Whether a worker still holds the task to prepare or verify a bulk. It does not if another one has drawn it,
-- or if the bulk was paused or cancelled.
--
-- @include scripts/call

local function holds_task(bulk, token, wanted)
  local state, task_token = fields(bulk)
  return state == wanted and task_token == token
end
