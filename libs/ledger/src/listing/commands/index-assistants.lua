-- Makes the entries of assistants in the indexes of an org anew, from their hashes.
--
-- Keeps: after the command the indexes hold of each assistant what its hash says, as after every command that
-- changes the hash. So it may run at any time beside them, and any number of times.
--
-- @arg org text: percent-encoded
-- @each item
-- @key assistant
-- @arg assistant_id text
-- @reply INDEXED listed number, corrected number: how many of them are listed, and how many entries were
--   missing, wrong, or too many
-- @include listing/listed
-- @include scripts/call
-- @include scripts/number
-- @include scripts/reply-of

local listed_count, corrected = 0, 0
local function index_key(name)
  return PREFIX .. ':index:' .. name .. ':' .. org
end

local function set(name, score, id)
  corrected = corrected + write('ZADD', index_key(name), 'CH', score, id)
end
local function remove(name, id)
  corrected = corrected + (write('ZREM', index_key(name), id) or 0)
end

for item = 1, item_count do
  local id = item.assistant_id
  local failure, of_org, version, fingerprint, rotated, known, entry, uncertain =
    try_fields(item.assistant, { of_org = 'org' })
  if not failure and version and fingerprint and fingerprint ~= 'deleted' and of_org == org then
    listed_count = listed_count + 1
    set('id', 0, id)
    set('age', age_of(fingerprint, rotated, known), id)
    set('change', changed_at(entry, known), id)
    if uncertain then set('uncertain', 0, id) else remove('uncertain', id) end
    -- A sweep that has not seen it since reads it.
    write('ZADD', PREFIX .. ':assistants:' .. org, 'NX', int(moment(known) or 0), id)
  else
    for _, name in ipairs({ 'id', 'age', 'change', 'uncertain' }) do remove(name, id) end
  end
end
return reply.INDEXED { listed = int(listed_count), corrected = int(corrected) }
