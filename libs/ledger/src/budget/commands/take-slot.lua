#!lua flags=allow-oom
-- Takes a request from the budget for a read.
--
-- Keeps: over any time, no more requests than the pace allows, plus two.
--
-- @key budget: the request budget
-- @arg step_us number: the pause between two requests
-- @arg lane text: `first`, `bulk` or `sweep`
-- @arg slot_granted flag: a slot was reserved and has been waited for
-- @reply TAKEN probes flag: the budget is closed, and this request finds out whether it still is
-- @reply WAIT wait_ms number, reserved flag: ask again after that time. `reserved`: a slot is kept until then
-- @include budget/take-slot
-- @include time/now

local is_free, wait, is_reserved, probes = take_slot(budget, now_us(), step_us, lane, slot_granted)
if is_free then return reply.TAKEN { probes = probes } end
return reply.WAIT { wait_ms = string.format('%.3f', wait / 1000), reserved = is_reserved }
