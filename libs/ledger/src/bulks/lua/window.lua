-- Whether the window in which a bulk may run has ended. The bulk is then cancelled.
--
-- @include bulks/cancel

local function is_window_closed(id, until_text, open, now_ms)
  local until_ms = tonumber(until_text or '')
  if not until_ms or now_ms <= until_ms then return false end
  cancel_bulk(id, 'WINDOW_CLOSED', tonumber(open) or 0, now_ms)
  return true
end
