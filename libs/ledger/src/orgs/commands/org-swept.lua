-- Ends a sweep of an org that found what is known of it: it is held no longer, and what is known now is what
-- later changes are compared with.
--
-- KEYS  1 the orgs that are held
-- ARGV  1 prefix  2 org id  3 '1' if the sweep was of this org alone and left nothing open: what an operator has accepted is done
-- Returns {'SWEPT', '1' if it was held}

local org = org_name(ARGV[2])
local now_ms = math.floor(now_us() / 1000)
-- What cannot be read stops it before anything is written.
local assistants = PREFIX .. ':assistants:' .. encoded(org)
read('ZCARD', assistants)
read('ZCARD', changes_key(org))
read('HEXISTS', PREFIX .. ':accepted', org)
local was_held = write('HDEL', KEYS[1], org) == 1
local was_accepted = ARGV[3] == '1' and write('HDEL', PREFIX .. ':accepted', org) == 1
-- What was counted until then is refuted or accepted: it must not make one more change too many.
if was_held or was_accepted then write('DEL', changes_key(org)) end
-- Those that went a short time ago still count: else each sweep would make the ones that are left fewer, down
-- to one, which may go like any other.
write('ZREMRANGEBYSCORE', changes_key(org), '-inf', int(now_ms - CHANGES_WINDOW_MS))
write('HSET', PREFIX .. ':known', org, read('ZCARD', assistants) + #read('ZDIFF', 2, changes_key(org), assistants))
return { 'SWEPT', was_held and '1' or '' }
