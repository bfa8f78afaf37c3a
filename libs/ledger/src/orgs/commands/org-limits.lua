-- How much of an org may change before an operator decides, and how much has changed.
--
-- @key held_orgs
-- @arg org text
-- @arg percent number: the share of its assistants that may change
-- @reply LIMITS known number, limit number, changed number, held text?, accepted flag: `changed`: lately.
--   `held`: why the org is held. `accepted`: an operator has accepted what reads say
-- @include orgs/accepted
-- @include orgs/change-limit
-- @include orgs/changes
-- @include orgs/hold-code
-- @include scripts/call
-- @include scripts/number
-- @include time/now

local now_ms = math.floor(now_us() / 1000)
local code, accepted = hold_code(org), is_accepted(org, now_ms)
local limit, known = change_limit(org, percent)
write('ZREMRANGEBYSCORE', changes_key(org), '-inf', int(now_ms - CHANGES_WINDOW_MS))
return reply.LIMITS {
  known = int(known), limit = int(limit), changed = int(read('ZCARD', changes_key(org))), held = code,
  accepted = accepted,
}
