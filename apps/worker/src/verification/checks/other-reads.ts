import type { ByteShare, InventClient, ReadOutcome } from '@rekey/invent';
import type { Lane, Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { ORG_ALIAS } from '@rekey/schema';
import { findingOf } from '../../publishing/finding.ts';
import { idsOf } from '../../shared/ids-of.ts';
import type { Meter } from '../../metrics/meter.ts';
import type { Pacer } from '../../shared/pacer.ts';
import { ageOf, isNotFound } from '../../shared/read-outcome.ts';

interface OtherReadDeps {
  ledger: Pick<Ledger, 'assistants'>;
  invent: Pick<InventClient, 'getAssistant'>;
  pacer: Pick<Pacer, 'take'>;
  logger: Logger;
  meter: Pick<Meter, 'read'>;
}

interface ReadWith {
  lane: Lane;
  share: ByteShare | undefined;
}

interface Target {
  orgId: string;
  assistantId: string;
}

const WAIT_FOR_BUDGET_MS = 15_000;

/**
 * Whether an assistant that is published with a key is read with one. If it is not, no other assistant of its
 * org is published as deleted or without a key: Invent may show no keys, or the API key may be of another
 * org. The witness itself is then checked, and counts if it has no key either.
 */
export const hasKey = async (deps: OtherReadDeps, witness: Target, read: ReadWith): Promise<boolean> => {
  const { logger, ledger } = deps;
  const outcome = await readAnother(deps, witness, read);
  if (!outcome) return false;
  const isRemoved =
    isNotFound(outcome) || (outcome.outcome === 'read' && 'removal' in findingOf(outcome.record));
  // A cache shows an earlier state, perhaps from before Invent stopped showing keys.
  if (outcome.outcome === 'read' && !isRemoved && ageOf(outcome) === 0) return true;
  logger.event('removal_unwitnessed', { org_id: witness.orgId, witness_id: witness.assistantId });
  if (isRemoved) await ledger.assistants.requestCheck(witness, 0, { slow: true });
  return false;
};

/** `unclear`: Invent did not say, and why. */
type Moved = 'moved' | 'stays' | { unclear: ReadOutcome & { outcome: 'not-read' } };

const NO_BUDGET = {
  outcome: 'not-read',
  code: 'UPSTREAM_RATE_LIMITED',
  reason: 'the budget grants no second request',
  retryAfterMs: WAIT_FOR_BUDGET_MS,
} as const;

/**
 * Whether an assistant that one org has is gone from the org that it was last published under. An id belongs
 * to one org alone. If either is `c`, they may be the same org, and the assistant has not moved.
 */
export const hasMoved = async (
  deps: OtherReadDeps,
  from: Target,
  toOrgId: string,
  read: ReadWith,
): Promise<Moved> => {
  if (from.orgId === ORG_ALIAS || toOrgId === ORG_ALIAS) return 'stays';
  const outcome = await readAnother(deps, from, read);
  if (!outcome) return { unclear: NO_BUDGET };
  if (outcome.outcome === 'read' || outcome.code === 'RECORD_TOO_LARGE') return 'stays';
  if (!isNotFound(outcome)) return { unclear: outcome };
  deps.logger.event('assistant_moved', { ...idsOf(from), to_org_id: toOrgId });
  return 'moved';
};

/** One request more; undefined if the budget grants none in time. */
const readAnother = async (
  { invent, pacer, meter }: OtherReadDeps,
  target: Target,
  { lane, share }: ReadWith,
): Promise<ReadOutcome | undefined> => {
  if ((await pacer.take(lane, WAIT_FOR_BUDGET_MS)) > 0) return undefined;
  const outcome = await invent.getAssistant(target, { share });
  meter.read(outcome.outcome);
  return outcome;
};
