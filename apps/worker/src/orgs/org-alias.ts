import { randomBytes, randomUUID } from 'node:crypto';
import type { InventClient, ReadOutcome, Target } from '@rekey/invent';
import type {
  AliasConflict,
  Consumers,
  KnownAlias,
  Ledger,
  Moved,
  OrgAlias,
  UnderAlias,
} from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { KEY_REMOVED, KEY_ROTATED, KeyEvent, ORG_ALIAS, type Consumer, type ErrorCode } from '@rekey/schema';
import { parseRecord, sealRecord, type Sealer } from '@rekey/sealing';
import type { Clock } from '../shared/clock.ts';
import type { Meter } from '../shared/meter.ts';
import type { Pacer } from '../shared/pacer.ts';
import type { Readers } from '../publishing/readers.ts';

export interface OrgAliasDeps {
  alias: OrgAlias;
  consumers: Pick<Consumers, 'list' | 'write'>;
  readers: Readers;
  sealer: Sealer;
  /** Asks Invent with the API key that `c` belongs to, whichever org is named. */
  prober: Pick<InventClient, 'getAssistant' | 'listAssistants'>;
  /** Whether an API key for `c` is configured. */
  hasKey: () => boolean;
  /** `INVENT_ORG_ID`: which org `c` is, as the operator says. */
  configured: string | undefined;
  pacer: Pick<Pacer, 'take'>;
  clock: Clock;
  logger: Logger;
  meter: Pick<Meter, 'published'>;
  /** Aborts when the process is told to end. */
  stopping: AbortSignal;
}

/** Keeps one name for the org that Invent calls `c`. Several workers may do it at once. */
export interface OrgAliasKeeper {
  /**
   * Before anything else: throws where INVENT_ORG_ID contradicts the ledger or Invent. Safe where Invent is
   * away: it is then found out later.
   */
  establish(): Promise<void>;
  /**
   * Before a sweep, which shows what `c` lists: finds out which org that is, if something names it, and
   * renames what is published under `c`. `onProgress` is called now and then; where it rejects, so does this.
   */
  beforeSweep(onProgress?: () => Promise<void>): Promise<void>;
  /** One round of the same; cheap if nothing is to be done. */
  round(): Promise<void>;
}

/** INVENT_ORG_ID is wrong, or another was right before. */
export class AliasContradiction extends Error {}

/** How many assistants have to answer under both names. */
const WITNESSES = 2;
/**
 * How many of the assistants that were seen last, and of those that were seen longest ago, are looked at to
 * find them.
 */
const WITNESSES_TRIED = 3;
/** How many orgs are tried in a round. */
const CANDIDATES_A_ROUND = 8;
const WAIT_FOR_BUDGET_MS = 15_000;
const LOCK_MS = 60_000;
/**
 * An assistant that `c` has and an org has not proves that they are two. It may move there, or the API key
 * may be another's one day.
 */
const NOT_IT_FOR_MS = 24 * 3_600_000;
/** After how long evidence that does not agree is looked at again. */
const TRY_AGAIN_MS = 600_000;
/** The same where Invent could not say. */
const UNCLEAR_AGAIN_MS = 30_000;
/**
 * What is held by a rotation, or in doubt, is renamed by whatever ends that; it is looked at again after this
 * time.
 */
const LEFT_AGAIN_MS = 5000;

const NOT_AS_CONFIGURED = 'INVENT_ORG_ID is not the org of the API key';

/** How Invent may say that it has no such assistant, no such org, or not for this API key. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'ASSISTANT_NOT_FOUND',
  'UPSTREAM_FORBIDDEN',
  'UPSTREAM_REJECTED',
  'UPSTREAM_UNAUTHENTICATED',
]);

/** Invent could not be asked, or its answers say nothing: nothing is concluded. */
class Unclear extends Error {}

type Witnesses = { assistantIds: string[] } | 'none';
type Answers = 'all' | 'some' | 'none';

export const keepOrgAlias = (deps: OrgAliasDeps): OrgAliasKeeper => {
  const { alias, consumers, readers, prober, hasKey, configured, pacer, clock, logger, stopping } = deps;
  const token = randomUUID();
  let tryAgainMs = 0;
  let moveAgainMs = 0;
  /** The org under whose name this process has renamed all open rotations. */
  let adopted: string | undefined;
  /** Nothing is left under `c`, and no consumer names it. */
  let settled: string | undefined;

  // ---- what Invent says ----

  const ask = async <T>(request: () => Promise<T>): Promise<T> => {
    if (stopping.aborted || (await pacer.take('sweep', WAIT_FOR_BUDGET_MS)) > 0)
      throw new Unclear('no request may leave');
    return request();
  };
  const get = (orgId: string, assistantId: string): Promise<ReadOutcome> =>
    ask(() => prober.getAssistant({ orgId, assistantId }));
  /**
   * Whether Invent answers for an assistant under an org. Throws Unclear where it says neither. A refusal
   * counts only beside an answer under `c`.
   */
  const has = async (orgId: string, assistantId: string): Promise<boolean> => {
    const outcome = await get(orgId, assistantId);
    if (outcome.outcome === 'read') return true;
    if (REFUSALS.has(outcome.code)) return false;
    throw new Unclear(outcome.code);
  };
  const firstPage = async (orgId: string): Promise<string[]> => {
    const outcome = await ask(() => prober.listAssistants(orgId, 1));
    if (outcome.outcome !== 'read') throw new Unclear(outcome.code);
    return outcome.page.records.filter(({ deleted }) => !deleted).map(({ id }) => id);
  };

  const firstUnderAlias = async (assistantIds: string[]): Promise<string | undefined> => {
    for (const assistantId of assistantIds) if (await has(ORG_ALIAS, assistantId)) return assistantId;
    return undefined;
  };

  /**
   * Assistants that Invent has under `c` at this moment: published ones first, for these are to be renamed.
   */
  const findWitnesses = async (mayList: boolean): Promise<Witnesses> => {
    const { newest, oldest } = await alias.sample(WITNESSES_TRIED);
    if (newest.length === 0) {
      const listed = mayList ? (await firstPage(ORG_ALIAS)).slice(0, WITNESSES) : [];
      return listed.length === 0 ? 'none' : { assistantIds: listed };
    }
    const assistantIds = new Set<string>();
    // One that was seen lately and one that was not: of an API key that is another org's by now, only the
    // first may answer.
    for (const some of [newest, oldest]) {
      const witness =
        (await firstUnderAlias(some.filter((assistantId) => !assistantIds.has(assistantId)))) ??
        some.find((assistantId) => assistantIds.has(assistantId));
      if (witness === undefined) throw new Unclear('what is published under c does not answer under c');
      assistantIds.add(witness);
    }
    return { assistantIds: [...assistantIds] };
  };

  /**
   * Whether an org has them. "No" is believed only as long as `c` has them still: a moment in which Invent
   * finds nothing says nothing.
   */
  const answersUnder = async (orgId: string, witnesses: string[]): Promise<Answers> => {
    const found: boolean[] = [];
    for (const assistantId of witnesses) found.push(await has(orgId, assistantId));
    const count = found.filter(Boolean).length;
    if (count === witnesses.length) return 'all';
    if (!(await has(ORG_ALIAS, witnesses[found.indexOf(false)]!)))
      throw new Unclear('Invent finds it under c no more');
    return count === 0 ? 'none' : 'some';
  };

  /** Why one org that has all witnesses is still not proved to be `c`; undefined if it is. */
  const doubtOf = async (orgId: string, [witness]: string[]): Promise<string | undefined> => {
    // An Invent that ignores the org of a path answers under this one too.
    if (await has(`org_${randomBytes(16).toString('base64url')}`, witness!))
      return 'Invent answers under an org id that does not exist';
    const [ofAlias, ofOrg] = [await firstPage(ORG_ALIAS), new Set(await firstPage(orgId))];
    if (!ofAlias.some((assistantId) => ofOrg.has(assistantId)))
      return 'Invent lists other assistants under the org id than under c';
    return undefined;
  };

  // ---- finding out ----

  const noteConflict = async (conflict: Omit<AliasConflict, 'sinceMs'>): Promise<void> => {
    tryAgainMs = clock.nowMs() + TRY_AGAIN_MS;
    const { conflict: before } = await alias.read();
    if (before?.why === conflict.why && before.orgIds.join('\n') === conflict.orgIds.join('\n')) return;
    logger.error(
      { event: 'org_alias_conflict', org_ids: conflict.orgIds, why: conflict.why },
      'the evidence of which org `c` is does not agree; `c` stays an org of its own. Set INVENT_ORG_ID',
    );
    await alias.noteConflict(conflict);
  };

  const note = async (orgId: string, how: KnownAlias['how']): Promise<void> => {
    const noted = await alias.note(orgId, how);
    if (noted.kind === 'contradicts')
      return noteConflict({
        why: 'another worker has found another org',
        orgIds: [noted.known.orgId, orgId].toSorted(),
      });
    if (noted.kind === 'noted')
      logger.info(
        { event: 'org_alias_known', org_id: orgId, how },
        'the org that Invent calls `c` is known; from now on it has this one name',
      );
    await alias.noteConflict(undefined);
    await readers.refresh();
  };

  /** What an operator says is believed, unless Invent says otherwise. */
  const tryConfigured = async (orgId: string): Promise<void> => {
    const witnesses = hasKey() ? await findWitnesses(true) : 'none';
    if (witnesses === 'none') return note(orgId, 'configured');
    const answers = await answersUnder(orgId, witnesses.assistantIds);
    if (answers === 'all') return note(orgId, 'configured');
    const what = answers === 'none' ? 'does not find them' : 'finds only some of them';
    await noteConflict({ why: NOT_AS_CONFIGURED, orgIds: [orgId] });
    throw new AliasContradiction(
      `INVENT_ORG_ID=${orgId} contradicts Invent: assistants that it has under \`c\`, the org of the API key, it ${what} under ${orgId}. Correct INVENT_ORG_ID, or unset it to let Rekey find out`,
    );
  };

  const learn = async (mayList: boolean): Promise<void> => {
    if (!hasKey() || (!mayList && !(await alias.isInUse()))) return;
    const candidates = (await alias.untried(await alias.candidates())).slice(0, CANDIDATES_A_ROUND);
    if (candidates.length === 0) return;
    const witnesses = await findWitnesses(mayList);
    if (witnesses === 'none') return;
    const { assistantIds } = witnesses;
    const [first, ...others] = assistantIds as [string, ...string[]];
    const proved: string[] = [];
    const notIt: string[] = [];
    for (const orgId of candidates) {
      // Of most, one request tells that they are not it.
      if (!(await has(orgId, first))) notIt.push(orgId);
      else if (others.length > 0 && (await answersUnder(orgId, others)) !== 'all')
        return noteConflict({ why: 'what is published under c is of more than one org', orgIds: [orgId] });
      else proved.push(orgId);
    }
    if (notIt.length > 0) {
      if (!(await has(ORG_ALIAS, first))) throw new Unclear('Invent finds it under c no more');
      for (const orgId of notIt) await alias.noteTried(orgId, NOT_IT_FOR_MS);
    }
    const [orgId] = proved;
    // What did not agree is no more: an org that is named no longer, or an Invent that is well again.
    if (orgId === undefined) return alias.noteConflict(undefined);
    if (proved.length > 1)
      return noteConflict({ why: 'assistants of c answer under more than one org', orgIds: proved });
    const doubt = await doubtOf(orgId, assistantIds);
    if (doubt !== undefined) return noteConflict({ why: doubt, orgIds: [orgId] });
    await note(orgId, 'learned');
  };

  /** Under the lock: finds out which org `c` is. What Invent does not say is asked again later. */
  const findOut = async ({
    mayList,
    unlessLately,
  }: {
    mayList: boolean;
    unlessLately: boolean;
  }): Promise<void> => {
    // Of a ledger that knew it, and was restored from a copy that did not, all is renamed again.
    [adopted, settled] = [undefined, undefined];
    if (unlessLately && clock.nowMs() < tryAgainMs) return;
    if (!(await alias.lock(token, LOCK_MS))) return;
    try {
      if (configured === undefined) await learn(mayList);
      else await tryConfigured(configured);
    } catch (err) {
      if (!(err instanceof Unclear)) throw err;
      tryAgainMs = Math.max(tryAgainMs, clock.nowMs() + UNCLEAR_AGAIN_MS);
      logger.info(
        { reason: err.message },
        'Invent does not say now which org `c` is; it is asked again later',
      );
    } finally {
      await alias.unlock(token);
    }
  };

  // ---- renaming ----

  /**
   * The same record under the org's real name; undefined where it cannot be opened, or is not what the ledger
   * says: a sweep publishes it anew.
   */
  const sealedUnder = async (orgId: string, from: UnderAlias, nowUs: number): Promise<Moved | undefined> => {
    try {
      const event = KeyEvent.parse(JSON.parse(from.current!));
      if (event.type !== KEY_ROTATED && event.type !== KEY_REMOVED) return undefined;
      const removal = event.type === KEY_REMOVED ? event.data.removal : undefined;
      const state = event.type === KEY_REMOVED ? event.data.removal : event.data.fingerprint;
      if (
        event.subject !== from.assistantId ||
        event.data.version !== from.versionBefore ||
        state !== from.stateBefore
      )
        return undefined;
      const plaintext = await deps.sealer.open(event.data.sealed);
      parseRecord(plaintext, event);
      const version = Math.max(nowUs, Number(from.epoch) + 1, from.versionBefore + 1);
      const what =
        removal === undefined
          ? ({ type: KEY_ROTATED, assistantJson: assistantOf(plaintext) } as const)
          : ({ type: KEY_REMOVED, removal } as const);
      const sealed = sealRecord(
        deps.sealer,
        { ...what, orgId, assistantId: from.assistantId, version, cause: 'reconciliation' },
        readers.of(orgId).keys,
      );
      return { from, version, sealed, key: removal === undefined ? { fingerprint: state } : { removal } };
    } catch {
      return undefined;
    }
  };

  /** Publishes under the real name what is published under `c`. Returns how many are left. */
  const moveAll = async (orgId: string, onProgress: () => Promise<void>): Promise<number> => {
    let [left, moved] = [0, 0];
    for (;;) {
      if (stopping.aborted || !(await alias.lock(token, LOCK_MS))) return left + 1;
      await onProgress();
      const { assistants, nowUs } = await alias.page(left);
      if (assistants.length === 0) break;
      const ready = assistants.filter(({ state }) => state === 'ready');
      const sealed = (await Promise.all(ready.map((one) => sealedUnder(orgId, one, nowUs)))).filter(
        (one) => one !== undefined,
      );
      const result = await alias.move(orgId, sealed, readers.of(orgId).revision);
      if (result.kind === 'other-readers') {
        await readers.refresh();
        continue;
      }
      for (const [i, word] of result.words.entries())
        if (word === 'moved') deps.meter.published('reconciliation', 'removal' in sealed[i]!.key);
      const gone = result.words.filter((word) => word !== 'changed').length;
      moved += result.words.filter((word) => word === 'moved').length;
      left += assistants.length - gone;
    }
    if (moved > 0)
      logger.info(
        { event: 'org_alias_moved', org_id: orgId, moved, left },
        'what was published under `c` is published under the name of its org',
      );
    return left;
  };

  const adoptRotations = async (orgId: string): Promise<void> => {
    if (adopted === orgId) return;
    for (let after: string | undefined = ''; after !== undefined;) {
      const page: Awaited<ReturnType<OrgAlias['adoptRotations']>> = await alias.adoptRotations(after);
      after = page.next;
    }
    adopted = orgId;
  };

  /**
   * A consumer that names `c` reads both orgs while key versions are moved, and then the real one alone:
   * should it take a snapshot meanwhile, it would take what has moved, or what has not, to be withdrawn.
   */
  const renameConsumers = async (orgId: string, isDone: boolean): Promise<void> => {
    for (const seen of (await consumers.list()).consumers) {
      const { consumer, storedOrgs } = seen;
      if (!storedOrgs.includes(ORG_ALIAS)) continue;
      const orgs = isDone ? consumer.orgs : [...new Set([...storedOrgs, orgId])].toSorted();
      if (orgs.join('\n') === storedOrgs.join('\n')) continue;
      const after: Consumer = { ...consumer, orgs };
      await consumers.write(
        consumer.name,
        seen,
        after,
        consumer.state === 'ACTIVE' ? { tell: 'ACTIVE' } : {},
      );
    }
  };

  const rename = async (orgId: string, onProgress = async () => {}): Promise<void> => {
    if (readers.nameOf(ORG_ALIAS) !== orgId) await readers.refresh();
    if (!(await alias.lock(token, LOCK_MS))) return;
    try {
      const isLeft = await alias.isInUse();
      if (!isLeft && settled === orgId) return;
      await adoptRotations(orgId);
      if (isLeft) await renameConsumers(orgId, false);
      const left = isLeft ? await moveAll(orgId, onProgress) : 0;
      if (left === 0) {
        await renameConsumers(orgId, true);
        settled = orgId;
      }
    } finally {
      moveAgainMs = clock.nowMs() + LEFT_AGAIN_MS;
      await alias.unlock(token);
    }
  };

  /** A sweep and a round of this process hold the lock under the same token: one waits for the other. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn =
    (chore: (onProgress?: () => Promise<void>) => Promise<void>) =>
    (onProgress?: () => Promise<void>): Promise<void> => {
      const mine = turn.then(() => chore(onProgress));
      turn = mine.catch(() => {});
      return mine;
    };

  return {
    establish: async () => {
      const { known, conflict } = await alias.read();
      if (configured === undefined) {
        // It was corrected by taking it away.
        if (conflict?.why === NOT_AS_CONFIGURED) await alias.noteConflict(undefined);
        return;
      }
      if (known && known.orgId !== configured) {
        const how = known.how === 'configured' ? 'was told' : 'has learned from Invent';
        throw new AliasContradiction(
          `INVENT_ORG_ID=${configured} contradicts the ledger, which ${how} (${new Date(known.sinceMs).toISOString()}) that the org of the API key is ${known.orgId}. ` +
            `Set INVENT_ORG_ID=${known.orgId} or unset it; if the API key is another org's now, use another REKEY_PREFIX`,
        );
      }
      if (!known) await findOut({ mayList: true, unlessLately: false });
    },

    beforeSweep: inTurn(async (onProgress) => {
      const { known, conflict } = await alias.read();
      if (!known) await findOutQuietly({ mayList: true, unlessLately: conflict !== undefined });
      const { known: now } = known ? { known } : await alias.read();
      if (now) await rename(now.orgId, onProgress);
    }),

    round: inTurn(async () => {
      const { known } = await alias.read();
      if (!known) return findOutQuietly({ mayList: configured !== undefined, unlessLately: true });
      if (clock.nowMs() >= moveAgainMs || readers.nameOf(ORG_ALIAS) !== known.orgId)
        await rename(known.orgId);
    }),
  };

  /**
   * After the start nobody is told by a process that ends: what contradicts is in the log and in the status.
   */
  async function findOutQuietly(options: { mayList: boolean; unlessLately: boolean }): Promise<void> {
    try {
      await findOut(options);
    } catch (err) {
      if (!(err instanceof AliasContradiction)) throw err;
      logger.error({ event: 'org_alias_conflict' }, err.message);
    }
  }
};

const BEFORE_ASSISTANT = ',"assistant":';
/**
 * The upstream's text as it came. What stands before it is JSON of Rekey's making, in which no unescaped
 * quote can come so.
 */
const assistantOf = (plaintext: string): string =>
  plaintext.slice(plaintext.indexOf(BEFORE_ASSISTANT) + BEFORE_ASSISTANT.length, -1);

/** The orgs that anything was published under. What is still to be renamed counts under its real name. */
export const orgsByOneName = async (
  ledger: Pick<Ledger, 'orgs'>,
  nameOf: (orgId: string) => string,
): Promise<{ orgId: string; assistants: number }[]> => {
  const counts = new Map<string, number>();
  for (const { orgId, assistants } of await ledger.orgs())
    counts.set(nameOf(orgId), (counts.get(nameOf(orgId)) ?? 0) + assistants);
  return [...counts].map(([orgId, assistants]) => ({ orgId, assistants }));
};

/**
 * Asks Invent under the one name of each org: an API key that is another org's by now is then refused, and
 * does not show a stranger's assistants as `c`.
 */
export const askByOneName = (invent: InventClient, nameOf: (orgId: string) => string): InventClient => {
  const named = <T extends Target>(target: T): T =>
    nameOf(target.orgId) === target.orgId ? target : { ...target, orgId: nameOf(target.orgId) };
  return {
    rotateSecretKey: (target, options) => invent.rotateSecretKey(named(target), options),
    getAssistant: (target, options) => invent.getAssistant(named(target), options),
    listAssistants: (orgId, page, options) => invent.listAssistants(nameOf(orgId), page, options),
    close: () => invent.close(),
  };
};
