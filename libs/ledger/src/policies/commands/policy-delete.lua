-- Deletes a policy, and the assistants that it names.
--
-- @key policy
-- @key assistants: its assistants
-- @key policies: the index of policies
-- @arg id text
-- @actor
-- @reply DELETED
-- @reply MISSING
-- @include activity/record
-- @include scripts/call

-- What another client has made of the entry must not keep it.
local org = unpack(redis.pcall('HMGET', policy, 'org'))
if write('ZREM', policies, id) == 0 then return reply.MISSING end
write('UNLINK', policy, assistants)
record_activity(actor, 'policy.deleted', 'org', org, 'target', 'policy:' .. id)
return reply.DELETED
