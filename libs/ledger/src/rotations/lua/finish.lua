-- Ends a rotation, once, and publishes its id for callers that wait; not of a bulk, of which thousands end in
-- a second and few have a caller. An open rotation is in the index `open`, an ended one in that of its end
-- state. A rotation of a bulk that succeeded at its first request is deleted: the bulk keeps its state.
--
-- `now_ms` is a text, `more` holds further fields and values, `code` is why it failed. With `counts_later`
-- the caller counts an item that succeeded: its bulk and index are returned.
--
-- @include activity/record
-- @include bulks/end-item
-- @include bulks/outcome-known
-- @include orgs/open-rotations
-- @include rotations/rotation
-- @include rotations/set-state
-- @include scripts/call
-- @include scripts/publish

local function finish(id, to, now_ms, more, code, counts_later)
  if write('ZREM', PREFIX .. ':rotations:open', id) == 0 then return nil end
  local key = rotation_key(id)
  local bulk, item, counted, attempts, since, assistant, org = fields(key)
  -- If it cannot be read, its bulk is unknown.
  if not assistant then return publish('rotation-ended', id) end
  local is_counted_later = bulk and to == 'SUCCEEDED' and counts_later
  if bulk then
    if counted then note_outcome_known(id, bulk, counted, to == 'FAILED') end
    if not is_counted_later then
      local letter = to == 'SUCCEEDED' and 's' or to == 'CANCELLED' and 'x' or letter_of(code)
      end_item(bulk, item, letter, now_ms, true, to == 'FAILED' and (code or 'INTERNAL') or nil, assistant)
    end
  end
  if bulk and to == 'SUCCEEDED' and attempts == '1' and not since then
    write('DEL', key)
  else
    set_state(id, to, now_ms, 'ended', now_ms, unpack(more))
    write('ZADD', PREFIX .. ':rotations:' .. to, 0, id)
  end
  if not bulk then
    if org then write('ZREM', open_of_org(org), id) end
    if to == 'FAILED' then
      record_activity('system:rotation', 'rotation.failed', 'org', org, 'target', 'rotation:' .. id,
        'assistant', assistant, 'reason', code, 'after', to)
    end
    publish('rotation-ended', id)
  end
  if is_counted_later then return bulk, item end
end
