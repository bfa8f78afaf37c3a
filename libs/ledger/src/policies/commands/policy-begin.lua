-- Begins a window of a policy: says until when the bulk rotation that is to be asked for in it may run.
--
-- KEYS  1 the policy
-- ARGV  1 prefix  2 when the window was due (ms)
-- Returns {'BEGUN', until ms}   also where it was begun before: with the same moment
--         {'PASSED'}            a later window has been begun since
--         {'PAUSED'}
--         {'MISSING'}
-- Keeps: one window, one moment, so that asking again asks for the same. One that was missed gets its whole
-- length from now on.

local due = tonumber(ARGV[2])

local policy = read('HMGET', KEYS[1], 'paused', 'due', 'until', 'window_length')
if not policy[4] then return { 'MISSING' } end
if policy[1] == '1' then return { 'PAUSED' } end
local begun = tonumber(policy[2]) or 0
if begun > due then return { 'PASSED' } end
if begun == due then return { 'BEGUN', policy[3] } end

local now = math.floor(now_us() / 1000)
local until_ms = int(now + tonumber(policy[4]))
write('HSET', KEYS[1], 'due', int(due), 'until', until_ms, 'updated', int(now))
return { 'BEGUN', until_ms }
