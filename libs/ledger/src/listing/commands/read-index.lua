-- Reads a part of an index of one org, and what the hashes of the assistants that it names say. It leaves out
-- assistants that a filter excludes for certain; the caller judges all others.
--
-- Keeps: it only reads, all of it at one moment: an entry that its hash does not agree with is wrong, and was
-- not moved meanwhile.
--
-- It asks for no right to write: a gateway needs none to list.
--
-- @arg index text: its name
-- @arg org text: percent-encoded
-- @arg other text?: percent-encoded; nothing is read if this org has such an index too
-- @arg by lex|score
-- @arg is_down flag
-- @arg from text: as in ZRANGE
-- @arg to text: as in ZRANGE; ids that begin with `id_prefix` if it is empty
-- @arg count number: how many entries to read
-- @arg wanted number: how many assistants to return at most
-- @arg after_score number?: of the entry after which to read; those of this score up to it come again
-- @arg after_id text?
-- @arg id_prefix text?: only ids that begin so
-- @arg is_uncertain flag: only those that are uncertain
-- @arg key_before number?: only keys that were made before this moment, in ms, or may have been
-- @reply OTHER: the other org has such an index, the index has another type, an entry is not as Rekey writes
--   it, or too many have one score
-- @reply READ examined number, is_end flag, last_score text?, last_id text?, found text...: how many entries
--   were examined; whether they were the last; the place of the last one; of each assistant seven fields of
--   its hash, its id and its score, in lines: one text is read faster than nine
-- @include assistants/is-key
-- @include scripts/reply-of

local LONGEST_ID = 256
-- Of the lines of an assistant that Rekey has written. A reply has many: together they must not be too long.
local LONGEST_LINES = 8192

-- In the order of bytes: Lua compares texts by the language of the system.
local function is_after(id, other)
  for i = 1, math.min(#id, #other) do
    local a, b = string.byte(id, i), string.byte(other, i)
    if a ~= b then return a > b end
  end
  return #id > #other
end

-- Whether an entry comes again: ranges begin at a score.
local function is_read(id, score)
  if not after_score or tonumber(score) ~= after_score then return false end
  if is_down then return not is_after(after_id, id) end
  return not is_after(id, after_id)
end

-- Whether the fields that a filter is about exclude an assistant of this org, whatever the others say.
local function is_excluded(id)
  if is_uncertain then
    local failure, of_org, uncertain = try_fields(PREFIX .. ':assistant:' .. id, { of_org = 'org' })
    if failure or of_org ~= org then return false end
    if (uncertain or '') == '' then return true end
  end
  if key_before then
    local failure, of_org, fingerprint, rotated =
      try_fields(PREFIX .. ':assistant:' .. id, { of_org = 'org' })
    if failure or of_org ~= org then return false end
    if fingerprint == 'no-key' then return true end
    local made = rotated and #rotated <= 14 and string.find(rotated, '^%d+$') and tonumber(rotated)
    return made and made >= key_before and is_key(fingerprint)
  end
  return false
end

if other ~= '' and redis.call('EXISTS', PREFIX .. ':index:' .. index .. ':' .. other) == 1 then
  return reply.OTHER
end

-- Ids are in their order in an index in which all have one score: in others, a list would not end.
if by == 'lex' and redis.pcall('ZCOUNT', PREFIX .. ':index:' .. index .. ':' .. org, 0, 0)
  ~= redis.pcall('ZCARD', PREFIX .. ':index:' .. index .. ':' .. org) then
  return reply.OTHER
end
local range = { from, to == '' and '(' .. id_prefix .. '\255' or to, by == 'lex' and 'BYLEX' or 'BYSCORE' }
if is_down then range[#range + 1] = 'REV' end
for _, option in ipairs({ 'LIMIT', 0, count }) do range[#range + 1] = option end
if by == 'score' then range[#range + 1] = 'WITHSCORES' end
local entries = redis.pcall('ZRANGE', PREFIX .. ':index:' .. index .. ':' .. org, unpack(range))
if entries.err then return reply.OTHER end

local step = by == 'score' and 2 or 1
local examined, returned, found = 0, 0, {}
local last_id, last_score
local is_filtered = is_uncertain or key_before

-- Whether the hash is longer than any that Rekey writes.
local function examine(id, score)
  if string.sub(id, 1, #id_prefix) ~= id_prefix then return false end
  if is_filtered and is_excluded(id) then return false end
  local failure, of_org, version, fingerprint, rotated, known, entry, uncertain =
    try_fields(PREFIX .. ':assistant:' .. id, { of_org = 'org' })
  local lines = table.concat({ not failure and of_org or '', version or '', fingerprint or '',
    rotated or '', known or '', entry or '', uncertain or '', id, score }, '\n')
  returned = returned + 1
  found[returned] = lines
  return #lines > LONGEST_LINES
end

local size = #entries
for i = 1, size, step do
  local id, score = entries[i], step == 2 and entries[i + 1] or '0'
  if #id > LONGEST_ID or not string.find(id, '^[A-Za-z0-9_-]+$') or not string.find(score, '^%-?%d') then
    return reply.OTHER
  end
  if not is_read(id, score) then
    examined, last_id, last_score = examined + 1, id, score
    if examine(id, score) then return reply.OTHER end
    if returned >= wanted then
      size = i + step - 1
      break
    end
  end
end
local is_whole = size == #entries
if examined == 0 and #entries == count * step then return reply.OTHER end
return reply.READ {
  examined = examined,
  is_end = is_whole and #entries < count * step,
  last_score = last_score,
  last_id = last_id,
  found = found,
}
