-- Reads the beginning of the registry's manifest, and which recipients records are sealed for, at one moment.
-- Whatever another client has stored there, the reply is short.
--
-- @key registry: the manifest
-- @key ledger: the ledger's own facts
-- @arg bytes number: how many of the manifest
-- @reply HEAD length number?, head text, recipients text, resealed text, id text?, alias text?: `length`:
--   absent if there is no manifest, -1 if it is no string. `id`: of the ledger
-- @include consumers/recipients-revision
-- @include scripts/call

local length, head = redis.pcall('STRLEN', registry), ''
if type(length) ~= 'number' then
  length = -1
elseif length > 0 then
  head = read('GETRANGE', registry, 0, bytes - 1)
elseif read('EXISTS', registry) == 0 then
  length = false
end
local function short(field)
  return read('HSTRLEN', ledger, field) <= 1024 and read('HGET', ledger, field)
end
return reply.HEAD {
  length = length,
  head = head,
  recipients = recipients_revision(),
  resealed = revision_text('resealed'),
  id = short('id'),
  alias = short('alias'),
}
