import type { AliasConflict, KnownAlias } from '@rekey/ledger';
import { ORG_ALIAS, RekeyError } from '@rekey/schema';
import { Unclear, createAliasEvidence } from './alias-evidence.ts';
import { ALIAS_LOCK_MS, type OrgAliasDeps } from './org-alias-deps.ts';

/** INVENT_ORG_ID is wrong, or contradicts an earlier one. */
export class AliasContradiction extends Error {}

/** How many orgs are tried in a round. */
const CANDIDATES_A_ROUND = 8;
/**
 * If `c` has an assistant that an org does not have, they are two orgs. For this time: the assistant may
 * move, and the API key may be replaced by one of another org.
 */
const NOT_IT_FOR_MS = 24 * 3_600_000;
/** After this time conflicting evidence is examined again. */
const CONFLICT_AGAIN_MS = 600_000;
/** After this time unclear evidence is examined again. */
const UNCLEAR_AGAIN_MS = 30_000;

export const NOT_AS_CONFIGURED = 'INVENT_ORG_ID is not the org of the API key';

export interface FindOutOptions {
  mayList: boolean;
  /** Does nothing for a while after a conflict, or after evidence that was unclear. */
  unlessLately: boolean;
}

/**
 * Finds out under the lock which org `c` stands for. If the evidence is unclear, it is examined again later.
 * Throws AliasContradiction if INVENT_ORG_ID contradicts Invent.
 */
export const createAliasLearner = (
  deps: OrgAliasDeps,
  token: string,
): ((options: FindOutOptions) => Promise<void>) => {
  const { alias, clock, logger, configured } = deps;
  const evidence = createAliasEvidence(deps);
  let tryAgainMs = 0;

  const noteConflict = async (conflict: Omit<AliasConflict, 'sinceMs'>): Promise<void> => {
    tryAgainMs = clock.nowMs() + CONFLICT_AGAIN_MS;
    const { conflict: before } = await alias.read();
    if (before?.why === conflict.why && before.orgIds.join('\n') === conflict.orgIds.join('\n')) return;
    logger.event('org_alias_conflict', { org_ids: conflict.orgIds, why: conflict.why });
    await alias.noteConflict(conflict);
  };
  const context: LearnContext = { deps, evidence, noteConflict };

  return async ({ unlessLately, mayList }) => {
    if (unlessLately && clock.nowMs() < tryAgainMs) return;
    // Without a registry that is believed nothing can be noted: Invent is asked as soon as it is.
    if (!alias.mayNote()) return;
    if (!(await alias.lock(token, ALIAS_LOCK_MS))) return;
    try {
      if (configured === undefined) await learn(context, mayList);
      else await tryConfigured(context, configured);
    } catch (err) {
      if (!(err instanceof Unclear)) throw err;
      tryAgainMs = Math.max(tryAgainMs, clock.nowMs() + UNCLEAR_AGAIN_MS);
      logger.event('org_alias_unclear', { reason: err.message });
    } finally {
      await alias.unlock(token);
    }
  };
};

interface LearnContext {
  deps: OrgAliasDeps;
  evidence: ReturnType<typeof createAliasEvidence>;
  noteConflict: (conflict: Omit<AliasConflict, 'sinceMs'>) => Promise<void>;
}

const note = async (
  { deps: { alias, logger, recipients }, noteConflict }: LearnContext,
  orgId: string,
  how: KnownAlias['how'],
): Promise<void> => {
  const noted = await alias.note(orgId, how).catch((error: unknown) => {
    // The registry is not believed, or the ledger was lost: the org is found out again after that.
    if (error instanceof RekeyError) throw new Unclear(error.code);
    throw error;
  });
  if (noted.kind === 'contradicts')
    return noteConflict({
      why: 'another worker has found another org',
      orgIds: [noted.known.orgId, orgId].toSorted(),
    });
  if (noted.kind === 'noted') logger.event('org_alias_known', { org_id: orgId, how });
  await alias.noteConflict(undefined);
  await recipients.refresh();
};

/** What the operator says is accepted, unless Invent contradicts it. */
const tryConfigured = async (context: LearnContext, orgId: string): Promise<void> => {
  const { deps, evidence, noteConflict } = context;
  const witnesses = deps.hasKey() ? await evidence.findWitnesses(true) : 'none';
  if (witnesses === 'none') return note(context, orgId, 'configured');
  const answers = await evidence.answersUnder(orgId, witnesses.assistantIds);
  if (answers === 'all') return note(context, orgId, 'configured');
  const found = answers === 'none' ? 'none of them' : 'only some of them';
  await noteConflict({ why: NOT_AS_CONFIGURED, orgIds: [orgId] });
  throw new AliasContradiction(
    `INVENT_ORG_ID=${orgId} contradicts Invent: of the assistants that it has under \`c\`, the org of the ` +
      `API key, it finds ${found} under ${orgId}. Correct INVENT_ORG_ID, or unset it to let Rekey find out`,
  );
};

const learn = async (context: LearnContext, mayList: boolean): Promise<void> => {
  const {
    deps: { alias, hasKey },
    evidence,
    noteConflict,
  } = context;
  if (!hasKey() || (!mayList && !(await alias.isInUse()))) return;
  const candidates = (await alias.untried(await alias.candidates())).slice(0, CANDIDATES_A_ROUND);
  if (candidates.length === 0) return;
  const witnesses = await evidence.findWitnesses(mayList);
  if (witnesses === 'none') return;
  const { assistantIds } = witnesses;
  const [first, ...others] = assistantIds as [string, ...string[]];
  const proved: string[] = [];
  const notIt: string[] = [];
  for (const orgId of candidates) {
    // For most candidates one request proves that they are not the org.
    if (!(await evidence.has(orgId, first))) notIt.push(orgId);
    else if (others.length > 0 && (await evidence.answersUnder(orgId, others)) !== 'all')
      return noteConflict({ why: 'what is published under c is of more than one org', orgIds: [orgId] });
    else proved.push(orgId);
  }
  if (notIt.length > 0) {
    if (!(await evidence.has(ORG_ALIAS, first))) throw new Unclear('Invent no longer finds it under c');
    for (const orgId of notIt) await alias.noteTried(orgId, NOT_IT_FOR_MS);
  }
  const [orgId] = proved;
  // An earlier conflict has ended: an org is no longer named, or Invent has recovered.
  if (orgId === undefined) return alias.noteConflict(undefined);
  if (proved.length > 1)
    return noteConflict({ why: 'assistants of c answer under more than one org', orgIds: proved });
  const doubt = await evidence.doubtOf(orgId, assistantIds);
  if (doubt !== undefined) return noteConflict({ why: doubt, orgIds: [orgId] });
  await note(context, orgId, 'learned');
};
