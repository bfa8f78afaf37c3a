-- What `claim` and `bulk-claim` share: whether a POST may leave, and opening an intent.
--
-- @include assistants/is-key
-- @include rotations/assistant-name
-- @include scripts/call

-- Whether nothing could be published after a POST: another client has put another type in place of the events
-- or of their number.
local function has_spoilt_events()
  local events = redis.pcall('TYPE', PREFIX .. ':events').ok
  local seq = redis.pcall('TYPE', PREFIX .. ':seq').ok
  return (events and events ~= 'none' and events ~= 'stream') or (seq and seq ~= 'none' and seq ~= 'string')
end

-- Why no POST may leave now (an error code, or nil), the number of consecutive unknown outcomes of the org,
-- and when the last of them was noted. `hold_back` is the worker's own reason, or ''; `known_ledger` is the
-- id of the ledger that it knows, or ''.
local function post_blocker(ledger, org, hold_back, known_ledger)
  local frozen, unknowns, unknown_at, lost, id =
    unpack(read('HMGET', ledger, 'frozen', 'run:' .. org, 'run_at:' .. org, 'lost', 'id'))
  local code = hold_back ~= '' and hold_back or nil
  if frozen then code = 'FROZEN' end
  if not code and has_spoilt_events() then code = 'LEDGER_CORRUPT' end
  if lost or (known_ledger ~= '' and id ~= known_ledger) then code = 'LEDGER_LOST' end
  return code, tonumber(unknowns) or 0, tonumber(unknown_at) or 0
end

-- Whether a key is known to have been in force after the rotation was asked for: any other key was then made
-- since. A read of a clock that was turned back says nothing. Nor does a read that showed no key: the earlier
-- key may have come back.
local function is_fresh(state, verified, asked, now_ms)
  return is_key(state) and verified and verified > asked and verified < now_ms + 60000
end

-- Opens an intent. Moments are texts.
local function open_intent(id, assistant, intents, state, epoch, now, lease, lands)
  write('HSET', assistant, 'holder', id, 'epoch', epoch, 'intent_epoch', epoch, 'lease', lease, 'intent', now,
    'lands', lands)
  write('ZADD', intents, lands, name_of(assistant))
  write('ZADD', PREFIX .. ':intents', lands, name_of(assistant))
  if state == 'deleted' then write('PERSIST', assistant) end
end
