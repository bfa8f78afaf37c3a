#!lua flags=allow-oom
-- Holds an org: of what reads say of it nothing is published but what agrees with the ledger.
--
-- KEYS  1 the orgs that are held
-- ARGV  1 prefix  2 org id  3 why, an error code  4 how many assistants are affected  5 how many were known
-- Returns {'HELD'}
--         {'HELD_ALREADY'}   it was held: since when stays
--         {'ACCEPTED'}       an operator has accepted it meanwhile: nothing was written

if ARGV[3] ~= 'KEYS_NOT_SHOWN' and is_accepted(ARGV[2], math.floor(now_us() / 1000)) then return { 'ACCEPTED' } end
local before = read('HGET', KEYS[1], org_name(ARGV[2]))
local whole, hold = pcall(cjson.decode, before or '')
local since = before and whole and type(hold) == 'table' and tonumber(hold.since) or math.floor(now_us() / 1000)
hold_org(ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), since)
return { before and 'HELD_ALREADY' or 'HELD' }
