#!lua flags=allow-oom
-- Ends a rotation whose key was found and published while its landing window was open, now that the window
-- has passed and the key was read again, unchanged.
--
-- KEYS  1 the rotation   2 its assistant   3 the open intents of the org
-- ARGV  1 prefix  2 rotation id  3 epoch  4 now ms, as the worker reckons Redis time from its claim
--       5 when the key was certainly in force: when the read began, less what reads may lag behind (ms)
-- Returns {'SETTLED'}, {'WITHHELD'} (several assistants of the org show one key, and this may be it: nothing was written) or {'REFUSED'} (the claim is
-- another's, or nothing was found: nothing was written)

local id, epoch = ARGV[2], ARGV[3]

local held = read('HMGET', KEYS[2], 'holder', 'epoch', 'satisfied', 'org')
if held[1] ~= id or held[2] ~= epoch or not held[3] then return { 'REFUSED' } end
if held[4] and hold_of(decoded(held[4])) == 'KEYS_NOT_SHOWN' then return { 'WITHHELD' } end

write('HSET', KEYS[2], 'verified', ARGV[5])
hand_back(KEYS[2], KEYS[3])
finish(id, 'SUCCEEDED', ARGV[4], 'version', held[3], 'cause', 'reconciliation', 'error', '', 'status', '')
return { 'SETTLED' }
