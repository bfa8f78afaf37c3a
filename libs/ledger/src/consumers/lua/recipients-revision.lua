-- The revision of the consumers: it rises with each consumer that is added or removed. An event that was
-- sealed at another revision is sealed for other recipients.
--
-- @include scripts/call

local function recipients_revision()
  return read('HGET', PREFIX .. ':ledger', 'readers') or '0'
end
