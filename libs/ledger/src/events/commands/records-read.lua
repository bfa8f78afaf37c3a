-- Reads current records, in their order, as many as fit. Leaves out the text of one that is too long to be a
-- record.
--
-- Keeps: what another client has written there costs the reader a bounded number of bytes.
--
-- The records are no keys of the script: a user who may only read them may then call this.
--
-- @arg chars number: stop once the texts have as many bytes
-- @arg longest number: the bytes of the longest record
-- @each record
-- @arg name text: the id of the assistant, percent-encoded
-- @reply READ records bytes...: what each is that was read (`record`, `none`, `long`, or `foreign` if its
--   entry has another type), and its text, or ''. At least one, if any was asked for

local records, length = {}, 0
for record = 1, record_count do
  local bytes = redis.pcall('STRLEN', PREFIX .. ':current:' .. record.name)
  -- A record that may not be read is not one that does not exist.
  if type(bytes) == 'table' and not string.find(bytes.err, 'WRONGTYPE', 1, true) then return bytes end
  local kind = type(bytes) ~= 'number' and 'foreign' or bytes == 0 and 'none' or bytes > longest and 'long'
    or 'record'
  local wanted = kind == 'record' and bytes or 0
  -- Redis would hold the text, and the reader would get it, only to ask for it again.
  if record > 1 and length + wanted > chars then break end
  length = length + wanted
  records[2 * record - 1] = kind
  records[2 * record] = kind == 'record' and redis.call('GET', PREFIX .. ':current:' .. record.name) or ''
end
return reply.READ { records = records }
