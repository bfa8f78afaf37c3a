#!lua flags=allow-oom
-- Holds an org: nothing that reads say of it is published except what agrees with the ledger.
--
-- @key held: the held orgs
-- @arg org text
-- @arg code text: why
-- @arg affected number: how many assistants are affected
-- @arg known number: how many were known
-- @reply HELD
-- @reply HELD_ALREADY: since when stays
-- @reply ACCEPTED: an operator has accepted it meanwhile: nothing was written
-- @include orgs/accepted
-- @include orgs/hold-org
-- @include orgs/org-name
-- @include scripts/call
-- @include time/now

if code ~= 'KEYS_NOT_SHOWN' and is_accepted(org, math.floor(now_us() / 1000)) then return reply.ACCEPTED end
local before = read('HGET', held, org_name(org))
local is_json, hold = pcall(cjson.decode, before or '')
local since = before and is_json and type(hold) == 'table' and tonumber(hold.since)
  or math.floor(now_us() / 1000)
hold_org(org, code, affected, known, since)
return before and reply.HELD_ALREADY or reply.HELD
