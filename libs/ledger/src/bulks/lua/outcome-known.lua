-- The outcome of a rotation of a bulk is known again. `counted` is what `note_unknown_item` has counted. If a
-- lost response was forgiven and turns out not to be a failure, another failure is not forgiven in its place.
--
-- @include bulks/bulk
-- @include rotations/rotation
-- @include scripts/call
-- @include scripts/number

local function note_outcome_known(id, bulk, counted, fails)
  write('HDEL', rotation_key(id), 'counted')
  local key = bulk_key(bulk)
  if read('EXISTS', key) == 0 then return end
  write('HINCRBY', key, 'unknown', -1)
  if counted ~= 'lost' then return end
  local lost = write('HINCRBY', key, 'lost', -1)
  local failed, forgiven = fields(key)
  local failures = (tonumber(failed) or 0) + lost
  if not fails and (tonumber(forgiven) or 0) > failures then write('HSET', key, 'forgiven', int(failures)) end
end
