import { ORG_ALIAS, systemActor, type Consumer } from '@rekey/schema';
import { ALIAS_LOCK_MS, type OrgAliasDeps } from './org-alias-deps.ts';

/** What is left is looked at again after this time. */
const LEFT_AGAIN_MS = 5000;
/**
 * How many checks are requested at a time; none while as many are due. Other checks that share the requests
 * of the sweep then wait for that many at most, however many assistants there are.
 */
const ASKED_AT_ONCE = 100;
/** If more are left, a sweep is requested instead: it reads a hundred with one request. */
const SWEEP_BEYOND = ASKED_AT_ONCE;
/** No checks are requested for this time after a sweep was: both use the same share of the requests. */
const SWEEP_ALONE_MS = 60_000;
const SWEEP_AGAIN_MS = 300_000;
const PAGE = 1000;

/** Requests a sweep of an org. */
export type RequestSweep = (orgId: string) => Promise<void>;

/** Renames what is published under `c`. */
interface AliasRenamer {
  rename(orgId: string, requestSweep?: RequestSweep): Promise<void>;
  /** Whether enough time has passed since the last renaming. */
  isDue(): boolean;
  /** Forgets what this process has renamed: a restored ledger may not know the alias, and needs it again. */
  forget(): void;
}

export const createAliasRenamer = (deps: OrgAliasDeps, token: string): AliasRenamer => {
  const { alias, clock, consumers, recipients } = deps;
  let againMs = 0;
  /** The org under whose name this process has renamed all open rotations. */
  let adopted: string | undefined;
  /** The org for which nothing was left under `c`. */
  let settled: string | undefined;
  let requestChecks = createCheckRequester(deps);

  const adoptRotations = async (orgId: string): Promise<void> => {
    if (adopted === orgId) return;
    for (let after: string | undefined = ''; after !== undefined;) {
      const page: Awaited<ReturnType<typeof alias.adoptRotations>> = await alias.adoptRotations(after);
      after = page.next;
    }
    adopted = orgId;
  };

  /** A gateway that does not know the alias yet can still add one; and an entry can change meanwhile. */
  const isNamed = async (): Promise<boolean> =>
    (await consumers.list()).consumers.some(({ storedOrgs }) => storedOrgs.includes(ORG_ALIAS));

  return {
    isDue: () => clock.nowMs() >= againMs,
    forget: () => {
      adopted = undefined;
      settled = undefined;
      requestChecks = createCheckRequester(deps);
    },
    rename: async (orgId, requestSweep) => {
      if (recipients.nameOf(ORG_ALIAS) !== orgId) await recipients.refresh();
      if (!(await alias.lock(token, ALIAS_LOCK_MS))) return;
      try {
        const isInUse = await alias.isInUse();
        if (!isInUse && settled === orgId && !(await isNamed())) return;
        await adoptRotations(orgId);
        // An entry that another client has invented is no reason to write the consumers.
        const isPublished = isInUse && (await alias.page(0, ASKED_AT_ONCE)).left > 0;
        if (isPublished) await renameConsumers(deps, orgId, false);
        const left = await requestChecks(orgId, requestSweep);
        if (left === 0) {
          await renameConsumers(deps, orgId, true);
          settled = orgId;
        }
      } finally {
        againMs = clock.nowMs() + LEFT_AGAIN_MS;
        await alias.unlock(token);
      }
    },
  };
};

/**
 * While assistants are published under both names, a consumer that may read either reads both; after that,
 * the real one alone. If it took a snapshot of only one org meanwhile, it would lack the keys of the other.
 */
const renameConsumers = async (
  { consumers }: OrgAliasDeps,
  orgId: string,
  isDone: boolean,
): Promise<void> => {
  for (const seen of (await consumers.list()).consumers) {
    const { consumer, storedOrgs } = seen;
    if (!storedOrgs.includes(ORG_ALIAS) && (isDone || !storedOrgs.includes(orgId))) continue;
    const orgs = isDone ? consumer.orgs : [...new Set([...storedOrgs, ORG_ALIAS, orgId])].toSorted();
    if (orgs.join('\n') === storedOrgs.join('\n')) continue;
    const after: Consumer = { ...consumer, orgs };
    const actor = systemActor('orgs');
    const options = consumer.state === 'ACTIVE' ? { actor, emit: 'ACTIVE' as const } : { actor };
    await consumers.write(consumer.name, seen, after, options);
  }
};

/**
 * Requests checks of what is published under `c`: each publishes under the real name what Invent answers. The
 * stored record itself is never published again. Nothing in Redis proves that it is the newest one: a writer
 * could put an older record in its place, and consumers would replace the key in force by it. If many are
 * left, a sweep comes first: checks would take its requests for minutes. Resolves to how many are left.
 */
const createCheckRequester = ({ alias, checks, clock, logger }: OrgAliasDeps) => {
  /** Where the next page begins. What is renamed moves others up, before it: these are of the next pass. */
  let offset = 0;
  let leftBefore = 0;
  let sweepMs = -Infinity;
  const isLeftToSweep = async (orgId: string, left: number, requestSweep?: RequestSweep) => {
    if (left <= SWEEP_BEYOND || !requestSweep) return false;
    if (clock.nowMs() - sweepMs > SWEEP_AGAIN_MS) {
      await requestSweep(orgId);
      sweepMs = clock.nowMs();
    }
    return clock.nowMs() - sweepMs < SWEEP_ALONE_MS;
  };
  return async (orgId: string, requestSweep?: RequestSweep): Promise<number> => {
    const { assistantIds, left } = await alias.page(offset, PAGE);
    const isLeft = await isLeftToSweep(orgId, left, requestSweep);
    const mayAsk = !isLeft && (await checks.countDue({ slow: true })) < ASKED_AT_ONCE;
    const targets = assistantIds.map((assistantId) => ({ orgId, assistantId }));
    const isPending = await checks.arePending(targets, { slow: true });
    const others = targets.filter((_, i) => !isPending[i]);
    const now = mayAsk ? others.slice(0, ASKED_AT_ONCE) : [];
    for (const target of now) await checks.requestCheck(target, 0, { slow: true });
    if (now.length === others.length) offset = offset + assistantIds.length < left ? offset + PAGE : 0;
    const moved = leftBefore - left;
    if (moved > 0) logger.event('org_alias_moved', { org_id: orgId, moved, left });
    leftBefore = left;
    return left;
  };
};
