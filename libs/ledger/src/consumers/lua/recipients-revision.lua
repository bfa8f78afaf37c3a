-- The revision of the consumers: it rises with each consumer that is added or removed. An event that was
-- sealed at another revision is sealed for other recipients. A text that is no such number counts as 0, as in
-- consumers.ts: otherwise no worker could ever seal at the right one.
--
-- @include scripts/call
-- @include scripts/number

local function recipients_revision()
  local text = read('HGET', PREFIX .. ':ledger', 'readers') or ''
  return string.match(text, '^%d+$') and #text <= 15 and int(tonumber(text)) or '0'
end
