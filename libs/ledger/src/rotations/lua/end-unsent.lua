-- Ends a rotation without a POST. If it was cancelled or has failed, nothing is left of an assistant without
-- versions.
--
-- @include rotations/expire
-- @include rotations/finish
-- @include rotations/forget

local function end_unsent(id, to, now_ms, more, code, assistant)
  finish(id, to, now_ms, more, code)
  if to == 'SUCCEEDED' then return end
  forget_if_never_published(assistant)
  expire_if_deleted(assistant)
end
