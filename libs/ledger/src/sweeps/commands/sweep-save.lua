#!lua flags=allow-oom
-- Saves how far a sweep has come and renews the lease of the lock, or ends the sweep and gives the lock back.
--
-- KEYS  1 the sweep   2 the lock
-- ARGV  1 prefix  2 sweep id  3 token of this run  4 counts, as JSON  5 lease ms, or '' to end it
--       6 end state  7 error code or ''  8 seconds that an ended sweep is kept
-- Returns {'SAVED'}     also where the same run ended it before (its answer was lost)
--         {'REFUSED'}   the lock is another's by now, or the sweep is not there: nothing was written
-- Keeps: a sweep ends once. A lease that has lapsed does not matter as long as nobody else has taken the
-- lock.

local id, token = ARGV[2], ARGV[3]

local sweep = read('HMGET', KEYS[1], 'state', 'token', 'org', 'started')
local ends = ARGV[5] == ''
if ends and sweep[1] == ARGV[6] and sweep[2] == token then return { 'SAVED' } end
local lock = read('HMGET', KEYS[2], 'id', 'token')
if lock[1] ~= id or lock[2] ~= token or sweep[1] ~= 'RUNNING' then return { 'REFUSED' } end

local now_ms = math.floor(now_us() / 1000)
write('HSET', KEYS[1], 'counts', ARGV[4], 'updated', int(now_ms))
if ends then
  write('HSET', KEYS[1], 'state', ARGV[6], 'ended', int(now_ms), 'error', ARGV[7])
  write('EXPIRE', KEYS[1], ARGV[8])
  write('DEL', KEYS[2])
  -- Sweeps expire; when everything was last compared, and how that ended, is known for good.
  if sweep[3] == '' then
    local counts = cjson.decode(ARGV[4])
    local ended = cjson.encode({ id = id, state = ARGV[6], began = tonumber(sweep[4]), ended = now_ms, compared = counts.compared or 0, error = ARGV[7] })
    write('HSET', PREFIX .. ':ledger', 'sweep_ended', ended)
    if ARGV[6] == 'SUCCEEDED' then write('HSET', PREFIX .. ':ledger', 'sweep_succeeded', ended) end
  end
else
  write('HSET', KEYS[2], 'lease', int(now_ms + tonumber(ARGV[5])))
end
return { 'SAVED' }
