#!lua flags=allow-oom
-- Closes an intent whose POST certainly did not happen (or certainly did not land), and puts the rotation
-- back to be tried again.
--
-- KEYS  1 the rotation   2 its assistant   3 the open intents of the org
-- ARGV  1 prefix  2 rotation id  3 epoch  4 error code or ''  5 upstream status or ''
-- Returns {'RELEASED'} or {'REFUSED'} (the claim is another's: nothing was written)

local id, epoch = ARGV[2], ARGV[3]

local held = read('HMGET', KEYS[2], 'holder', 'epoch')
if held[1] ~= id or held[2] ~= epoch then return { 'REFUSED' } end

local rotation = read('HMGET', KEYS[1], 'org', 'bulk', 'counted')
hand_back(KEYS[2], KEYS[3])
local org = rotation[1]
if rotation[3] then no_longer_unknown(id, rotation[2], rotation[3]) end
move(id, 'QUEUED', int(math.floor(now_us() / 1000)), 'error', ARGV[4], 'status', ARGV[5])
-- One of a bulk goes on when its bulk does: whoever asks for the assistant by itself must not wait for that.
if not rotation[2] then write('HSETNX', KEYS[2], 'queued:' .. org, id) end
return { 'RELEASED' }
