import type { Moved, UnderAlias } from '@rekey/ledger';
import { KEY_REMOVED, KEY_ROTATED, KeyEvent, ORG_ALIAS, type Consumer } from '@rekey/schema';
import { parseRecord, sealRecord } from '@rekey/sealing';
import { ALIAS_LOCK_MS, type OrgAliasDeps } from './org-alias-deps.ts';

/**
 * An assistant that a rotation owns, or that is uncertain, is renamed by the command that ends that. It is
 * checked again after this time.
 */
const LEFT_AGAIN_MS = 5000;
/** If the revision of the recipients changes all the time, another client changes it. */
const SETTLE_TRIES = 20;

/** Renames what is published under `c`. */
interface AliasRenamer {
  rename(orgId: string, onProgress?: () => Promise<void>): Promise<void>;
  /** Whether enough time has passed since the last renaming. */
  isDue(): boolean;
  /** Forgets what this process has renamed: a restored ledger may not know the alias, and needs it again. */
  forget(): void;
}

export const createAliasRenamer = (deps: OrgAliasDeps, token: string): AliasRenamer => {
  const { alias, clock, recipients } = deps;
  let againMs = 0;
  /** The org under whose name this process has renamed all open rotations. */
  let adopted: string | undefined;
  /** The org for which nothing is left under `c`, and no consumer names `c`. */
  let settled: string | undefined;

  const adoptRotations = async (orgId: string): Promise<void> => {
    if (adopted === orgId) return;
    for (let after: string | undefined = ''; after !== undefined;) {
      const page: Awaited<ReturnType<typeof alias.adoptRotations>> = await alias.adoptRotations(after);
      after = page.next;
    }
    adopted = orgId;
  };

  return {
    isDue: () => clock.nowMs() >= againMs,
    forget: () => {
      adopted = undefined;
      settled = undefined;
    },
    rename: async (orgId, onProgress = async () => {}) => {
      if (recipients.nameOf(ORG_ALIAS) !== orgId) await recipients.refresh();
      if (!(await alias.lock(token, ALIAS_LOCK_MS))) return;
      try {
        const isInUse = await alias.isInUse();
        if (!isInUse && settled === orgId) return;
        await adoptRotations(orgId);
        if (isInUse) await renameConsumers(deps, orgId, false);
        const left = isInUse ? await moveAll(deps, token, orgId, onProgress) : 0;
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
 * While key versions are moved, a consumer that names `c` reads both orgs; after that, the real one alone. If
 * it took a snapshot of only one org meanwhile, it would withdraw the versions of the other.
 */
const renameConsumers = async (
  { consumers }: OrgAliasDeps,
  orgId: string,
  isDone: boolean,
): Promise<void> => {
  for (const seen of (await consumers.list()).consumers) {
    const { consumer, storedOrgs } = seen;
    if (!storedOrgs.includes(ORG_ALIAS)) continue;
    const orgs = isDone ? consumer.orgs : [...new Set([...storedOrgs, orgId])].toSorted();
    if (orgs.join('\n') === storedOrgs.join('\n')) continue;
    const after: Consumer = { ...consumer, orgs };
    const options = consumer.state === 'ACTIVE' ? { emit: 'ACTIVE' as const } : {};
    await consumers.write(consumer.name, seen, after, options);
  }
};

/** Publishes under the real name what is published under `c`. Returns how many assistants are left. */
const moveAll = async (
  deps: OrgAliasDeps,
  token: string,
  orgId: string,
  onProgress: () => Promise<void>,
): Promise<number> => {
  const { alias, recipients, meter, logger, stopping } = deps;
  let [left, moved, unsettled] = [0, 0, 0];
  for (;;) {
    if (stopping.aborted || !(await alias.lock(token, ALIAS_LOCK_MS))) return left + 1;
    await onProgress();
    const { assistants, nowUs } = await alias.page(left);
    if (assistants.length === 0) break;
    const ready = assistants.filter(({ state }) => state === 'ready');
    const sealed = (await Promise.all(ready.map((one) => sealUnder(deps, orgId, one, nowUs)))).filter(
      (one) => one !== undefined,
    );
    const { revision } = recipients.of(orgId);
    const result = await alias.move(orgId, sealed, unsettled < SETTLE_TRIES ? revision : '');
    if (result.kind === 'other-recipients') {
      unsettled += 1;
      await recipients.refresh();
      continue;
    }
    unsettled = 0;
    for (const [i, word] of result.words.entries())
      if (word === 'moved') meter.published('reconciliation', 'removal' in sealed[i]!.key);
    const gone = result.words.filter((word) => word !== 'changed').length;
    moved += result.words.filter((word) => word === 'moved').length;
    left += assistants.length - gone;
  }
  if (moved > 0) logger.event('org_alias_moved', { org_id: orgId, moved, left });
  return left;
};

/**
 * The same record under the real name of the org. Undefined if it cannot be opened, or is not what the ledger
 * says: then a sweep publishes it again.
 */
const sealUnder = async (
  { sealer, recipients, logger }: OrgAliasDeps,
  orgId: string,
  from: UnderAlias,
  nowUs: number,
): Promise<Moved | undefined> => {
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
    const plaintext = await sealer.open(event.data.sealed);
    // Nothing else is sealed for the readers of the org, whatever stands under `c` in Redis.
    if (parseRecord(plaintext, event).org_id !== ORG_ALIAS) {
      logger.event('record_misplaced', { count: 1, assistant_ids: [from.assistantId] });
      return undefined;
    }
    const version = Math.max(nowUs, Number(from.epoch) + 1, from.versionBefore + 1);
    const what =
      removal === undefined
        ? ({ type: KEY_ROTATED, assistantJson: assistantOf(plaintext) } as const)
        : ({ type: KEY_REMOVED, removal } as const);
    const sealed = sealRecord(
      sealer,
      { ...what, orgId, assistantId: from.assistantId, version, cause: 'reconciliation' },
      recipients.of(orgId).keys,
    );
    return { from, version, sealed, key: removal === undefined ? { fingerprint: state } : { removal } };
  } catch {
    return undefined;
  }
};

const BEFORE_ASSISTANT = ',"assistant":';
/**
 * The record as upstream sent it, byte by byte. The JSON before it is made by Rekey, so that these characters
 * cannot occur earlier.
 */
const assistantOf = (plaintext: string): string =>
  plaintext.slice(plaintext.indexOf(BEFORE_ASSISTANT) + BEFORE_ASSISTANT.length, -1);
