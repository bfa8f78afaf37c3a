-- How much of an org may change before an operator decides, and how much has.
--
-- KEYS  1 the orgs that are held
-- ARGV  1 prefix  2 org id  3 what share of its assistants may change (percent)
-- Returns {'LIMITS', known, limit, changed lately, why it is held or '', '1' if an operator has accepted what reads say}

local now_ms = math.floor(now_us() / 1000)
local held, accepted = hold_of(ARGV[2]), is_accepted(ARGV[2], now_ms)
local limit, known = change_limit(ARGV[2], tonumber(ARGV[3]))
write('ZREMRANGEBYSCORE', changes_key(ARGV[2]), '-inf', int(now_ms - CHANGES_WINDOW_MS))
return { 'LIMITS', int(known), int(limit), int(changes_of(ARGV[2])), held or '', accepted and '1' or '' }
