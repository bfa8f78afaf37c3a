-- Ends an assistant of a bulk that is not begun. If its entry cannot be read, the assistant is checked.
--
-- @include assistants/check
-- @include bulks/end-item

local function skip_item(bulk, index, letter, now_ms, code, org, assistant_id)
  end_item(bulk, index, letter, now_ms, false, code, assistant_id)
  if code == 'LEDGER_CORRUPT' then request_check(org, assistant_id, now_ms) end
end
