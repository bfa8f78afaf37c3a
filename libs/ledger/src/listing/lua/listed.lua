-- The indexes that lists of assistants are read from. The entries of an assistant follow from its hash alone
-- (`index-assistants` writes them anew from it), so a command that changes the hash changes them with it.
--
-- @include assistants/is-key
-- @include scripts/call
-- @include scripts/number

-- Sets assistants without a known age apart: before all others by age, and those without a key after them.
local NO_AGE_MS = 10000000000000

-- A moment in ms; nil for a text that is none.
local function moment(text)
  return text and #text <= 15 and string.find(text, '^%d+$') and tonumber(text) or nil
end

-- The score by the age of the key: when it was made at the earliest. All arguments are texts.
local function age_of(fingerprint, rotated, known)
  local known_ms = moment(known) or 0
  if not is_key(fingerprint) then return int(known_ms + NO_AGE_MS) end
  return int(moment(rotated) or known_ms - NO_AGE_MS)
end

-- When the last version was published, as a number. A worker of an earlier version does not note the entry of
-- its event: then the noted one is older than the version. A command may draw both from different clocks.
local LATER_MS = 1000
local function changed_at(entry, known)
  local entry_ms, known_ms = moment(string.match(entry or '', '^%d+')), moment(known) or 0
  return entry_ms and entry_ms + LATER_MS >= known_ms and entry_ms or known_ms
end

-- By org: what is added to its indexes at the end of the command, each in one call.
local listed = {}

-- `changed`: when its last version was published. `is_new`: it was not in these indexes.
local function list_assistant(org, id, age, changed, is_new)
  local of = listed[org]
  if not of then
    of = { id = {}, age = {}, change = {} }
    listed[org] = of
  end
  local ids, ages, changes = of.id, of.age, of.change
  if is_new then ids[#ids + 1], ids[#ids + 2] = 0, id end
  ages[#ages + 1], ages[#ages + 2] = age, id
  changes[#changes + 1], changes[#changes + 2] = changed, id
end

local function write_listed()
  for org, of in pairs(listed) do
    for name, members in pairs(of) do
      if members[1] then write('ZADD', PREFIX .. ':index:' .. name .. ':' .. org, unpack(members)) end
    end
  end
  listed = {}
end

-- It is no longer published under this org. What was listed before in this command is written first.
local function unlist_assistant(org, id)
  write_listed()
  for _, name in ipairs({ 'id', 'age', 'change', 'uncertain' }) do
    write('ZREM', PREFIX .. ':index:' .. name .. ':' .. org, id)
  end
end
