-- Whether the indexes have what the newest events publish. A worker of a version without these indexes
-- commits beside them: their sizes stay right, but their entries by age and by change are old.
--
-- Keeps: it only reads. Events are read one at a time, and none after a very long one: Redis copies each.
--
-- @key events
-- @arg count number: how many of the newest events to look at
-- @reply CHECKED behind flag
-- @include listing/listed
-- @include scripts/encoded
-- @include scripts/reply-of
-- @include scripts/stream-end

local LONGEST_EVENT = 1000000

local function is_behind(assistant_id)
  local failure, version, org, fingerprint, known, entry =
    try_fields(PREFIX .. ':assistant:' .. encoded(assistant_id))
  if failure or not version or not org or not fingerprint or fingerprint == 'deleted' then return false end
  local score = redis.pcall('ZSCORE', PREFIX .. ':index:change:' .. org, assistant_id)
  return type(score) ~= 'string' or tonumber(score) ~= changed_at(entry, known)
end

local from = '+'
for _ = 1, count do
  local found = not is_stream_end(from, true) and redis.pcall('XREVRANGE', events, from, '-', 'COUNT', 1)
  local id, fields_of = unpack(found and found[1] or {})
  local event = fields_of and fields_of[2]
  if not event or #event > LONGEST_EVENT then break end
  -- An id has neither quotes nor backslashes.
  local subject = string.match(event, '"subject":"([^"\\]+)","time":')
  if subject and is_behind(subject) then return reply.CHECKED { behind = true } end
  from = '(' .. id
end
return reply.CHECKED { behind = false }
