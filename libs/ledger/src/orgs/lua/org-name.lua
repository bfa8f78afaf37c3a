-- The one name of an org: `c` is translated once the ledger knows which org it stands for. Commands translate
-- it themselves, so that a process without the latest alias still writes to the right place.
--
-- @include scripts/call

local function org_name(org)
  if org ~= 'c' then return org end
  return read('HGET', PREFIX .. ':ledger', 'alias') or org
end
