-- Ends a sweep of an org that found what is known of it. The org is no longer held, and later changes are
-- compared with what is known now.
--
-- @key held: the held orgs
-- @arg org text
-- @arg settled flag: the sweep was of this org alone and left nothing open: what an operator has accepted is
--   done
-- @reply SWEPT was_held flag
-- @include activity/record
-- @include orgs/changes
-- @include orgs/org-name
-- @include scripts/call
-- @include scripts/encoded
-- @include scripts/number
-- @include time/now

org = org_name(org)
local now_ms = math.floor(now_us() / 1000)
-- These stop the command before it writes anything, if they cannot be read.
local assistants = PREFIX .. ':assistants:' .. encoded(org)
read('ZCARD', assistants)
read('ZCARD', changes_key(org))
read('HEXISTS', PREFIX .. ':accepted', org)
local was_held = write('HDEL', held, org) == 1
local was_accepted = settled and write('HDEL', PREFIX .. ':accepted', org) == 1
-- What was counted until now is refuted or accepted: it must not count against the next change.
if was_held or was_accepted then write('DEL', changes_key(org)) end
-- Assistants that went a short time ago still count. Otherwise each sweep would lower the number that is
-- left, down to one, which may go like any other.
write('ZREMRANGEBYSCORE', changes_key(org), '-inf', int(now_ms - CHANGES_WINDOW_MS))
local lately_gone = #read('ZDIFF', 2, changes_key(org), assistants)
write('HSET', PREFIX .. ':known', org, read('ZCARD', assistants) + lately_gone)
if was_held then
  record_activity('system:sweeps', 'org.released', 'org', org, 'target', 'org:' .. org, 'before', 'HELD')
end
return reply.SWEPT { was_held = was_held }
