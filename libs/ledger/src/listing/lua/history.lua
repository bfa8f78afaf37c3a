-- The last versions of an assistant, newest first, each in a short text:
-- `VERSION CAUSE+STATE DELAY ROTATION BULK WHO`. CAUSE and STATE are a letter each. DELAY: how long after its
-- version it was published, in ms. Ids without their prefix, `-` without one. WHO requested it: see
-- key-history.ts. `> ORG` stands before the versions that were published under another org, which is encoded.
--
-- @include assistants/is-key
-- @include bulks/bulk
-- @include rotations/assistant-name
-- @include scripts/call
-- @include scripts/number

local VERSIONS_KEPT = 20
local LONGEST_NAME = 200
local CAUSES = { rotation = 'r', reconciliation = 'c', drift = 'd', import = 'i', rollback = 'b' }

-- Who requested a bulk rotation: read once in a command.
local requesters = {}
local function requester_of(bulk)
  if requesters[bulk] == nil then
    requesters[bulk] = read('HGET', bulk_key(bulk), 'requested_by') or ''
  end
  return requesters[bulk]
end

-- What was published under `c` is of the org that it stands for.
local function is_of_other_org(version, held)
  return held.org and held.org ~= version.encoded_org and held.org ~= 'c'
end

local function note_version(version, held, now_ms)
  local by, bulk, rotation = 'system', false, '-'
  if version.id ~= '' then
    rotation = string.gsub(version.id, '^rot_', '')
    by, bulk = unpack(read('HMGET', version.rotation, 'requested_by', 'bulk'))
    if bulk then by = requester_of(bulk) end
  end
  local state = is_key(version.state) and 'k' or version.state == 'deleted' and 'x' or 'n'
  local delay = int(now_ms - math.floor(tonumber(version.epoch) / 1000))
  local text = table.concat({ version.epoch, (CAUSES[version.cause] or '?') .. state, delay, rotation,
    bulk and string.gsub(bulk, '^blk_', '') or '-', string.sub(by or '', 1, LONGEST_NAME) }, ' ')
  local key = PREFIX .. ':versions:' .. name_of(version.assistant)
  if is_of_other_org(version, held) then write('LPUSH', key, '> ' .. held.org) end
  if write('LPUSH', key, text) > VERSIONS_KEPT then write('LTRIM', key, 0, VERSIONS_KEPT - 1) end
end
