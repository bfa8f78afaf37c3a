import type { Claim, CommitResult, Hold, KeyVersion, Ledger, NextRead } from '@rekey/ledger';
import { isRedisUnavailable, type Logger } from '@rekey/runtime';
import type { Cause } from '@rekey/schema';
import type { Sealer } from '@rekey/sealing';
import { backoffMs } from '../shared/backoff.ts';
import { redisNowMs, type Anchor, type Clock } from '../shared/clock.ts';
import { idsOf } from '../shared/ids-of.ts';
import type { Meter } from '../metrics/meter.ts';
import { canBeOpened, provenOrgOf } from './can-be-opened.ts';
import type { Finding } from './finding.ts';
import type { Publication, PublishResult } from './publication.ts';
import type { Recipients } from './recipients.ts';
import { reportPublication } from './report-publication.ts';
import { sealUncertainty, sealVersion } from './seal-version.ts';

interface PublisherDeps {
  ledger: Pick<Ledger, 'rotations' | 'assistants'>;
  sealer: Sealer;
  recipients: Recipients;
  logger: Logger;
  clock: Clock;
  meter: Meter;
  /** Called for each key that is published from the answer to a POST. */
  onPublished?: (version: { orgId: string; entry: string; answeredAgoMs: number }) => void;
}

export interface Publisher {
  /** The ledger's word for a finding: a fingerprint, `no-key` or `deleted`. */
  stateOf(finding: Finding): string;
  /** See `canBeOpened`. */
  canBeOpened(current: string | null, assistantId: string, state: string, nowMs: number): Promise<boolean>;
  /** See `provenOrgOf`. */
  provenOrgOf(current: string | null, assistantId: string, version: number): Promise<string | undefined>;
  /** Seals and commits, and retries for as long as Redis refuses to write. `anchor` is of the hold. */
  publish(hold: Hold, anchor: Anchor, publication: Publication): Promise<PublishResult>;
  /**
   * Records that the outcome of a rotation is unknown, and notifies consumers the first time. Returns false
   * if another worker owns the claim.
   */
  noteUnknown(claim: Claim, next: NextRead): Promise<boolean>;
  /** Notifies consumers, once, that reads show an older key than the published one. */
  markUncertain(hold: Hold): Promise<void>;
}

export const createPublisher = (deps: PublisherDeps): Publisher => {
  const { ledger, sealer, logger } = deps;
  const write = createWriter(deps);
  return {
    stateOf: (finding) => ('removal' in finding ? finding.removal : sealer.fingerprint(finding.secretKey)),

    canBeOpened: (current, assistantId, state, nowMs) =>
      canBeOpened(sealer, current, assistantId, state, nowMs),

    provenOrgOf: (current, assistantId, version) => provenOrgOf(sealer, current, assistantId, version),

    publish: (hold, anchor, publication) => publish(deps, write, hold, anchor, publication),

    noteUnknown: async (claim, next) => {
      const { kind } = await write(claim, async (named, readers) => {
        const notice = sealUncertainty(sealer, readers, named);
        return { kind: await ledger.rotations.noteUnknown(named, next, notice) };
      });
      return kind === 'noted';
    },

    markUncertain: async (hold) => {
      const { kind } = await write(hold, async (named, readers) => {
        const notice = sealUncertainty(sealer, readers, named);
        return { kind: await ledger.assistants.markUncertain(named, notice) };
      });
      if (kind === 'marked') logger.event('key_uncertain', idsOf(hold));
    },
  };
};

/**
 * Seals and writes under the one name of the org, and again for the current recipients if consumers were
 * added or removed meanwhile. The ledger raises the revision of the recipients when it learns what `c` stands
 * for, so that nothing that was sealed under `c` can be committed after that. If the revision changes all the
 * time, another client changes it: a key that nobody gets is worse than one that is sealed again later.
 */
type Writer = <H extends Hold, R extends { kind: string }>(
  hold: H,
  sealAndWrite: (named: H, recipients: Pick<Recipients, 'of'>) => Promise<R>,
) => Promise<Exclude<R, { kind: 'other-recipients' }>>;

const SETTLE_TRIES = 20;
const SETTLE_WITHIN_MS = 2000;

const createWriter =
  ({ recipients, logger }: PublisherDeps): Writer =>
  async <H extends Hold, R extends { kind: string }>(
    hold: H,
    sealAndWrite: (named: H, recipients: Pick<Recipients, 'of'>) => Promise<R>,
  ) => {
    const beganAt = performance.now();
    const whoever: Pick<Recipients, 'of'> = { of: (orgId) => ({ ...recipients.of(orgId), revision: '' }) };
    for (let tries = 1; ; tries += 1) {
      const isSettled = tries <= SETTLE_TRIES && performance.now() - beganAt < SETTLE_WITHIN_MS;
      if (!isSettled) logger.event('recipients_unsettled', idsOf(hold));
      const named = { ...hold, orgId: recipients.nameOf(hold.orgId) };
      const result = await sealAndWrite(named, isSettled ? recipients : whoever);
      if (result.kind !== 'other-recipients') return result as Exclude<R, { kind: 'other-recipients' }>;
      await recipients.refresh();
    }
  };

const publish = async (
  deps: PublisherDeps,
  write: Writer,
  hold: Hold,
  anchor: Anchor,
  { finding, answeredMs, ...publication }: Publication,
): Promise<PublishResult> => {
  const { sealer, recipients, logger, clock, onPublished } = deps;
  if (!('removal' in finding) && finding.record.unexpected.length > 0)
    logger.event('record_unexpected', { ...idsOf(hold), fields: finding.record.unexpected });
  const key = 'removal' in finding ? finding : { fingerprint: sealer.fingerprint(finding.secretKey) };
  const updatedMs = redisNowMs(clock, anchor);
  const commit = (cause: Cause, rotation: KeyVersion['rotation']) =>
    write(hold, (named, readers) => {
      const sealed = sealVersion(sealer, readers, named, finding, cause);
      return commitAtLength(deps, named, { key, sealed, updatedMs, ...publication, cause, rotation });
    });
  const first = await commit(publication.cause, publication.rotation);
  const isRollback = first.kind === 'confirmed';
  // An older key satisfies no rotation.
  const satisfiesNone = isRollback || first.kind === 'before';
  const cause = isRollback ? 'rollback' : publication.cause;
  const result = satisfiesNone ? await commit(cause, 'continues') : first;
  if (result.kind === 'confirmed' || result.kind === 'before')
    throw new Error('a key that satisfies no rotation was not committed');
  reportPublication(deps, hold, finding, cause, result);
  if (result.kind === 'committed' && answeredMs !== undefined)
    onPublished?.({
      orgId: recipients.nameOf(hold.orgId),
      entry: result.entry,
      answeredAgoMs: clock.nowMs() - answeredMs,
    });
  return satisfiesNone && (result.kind === 'committed' || result.kind === 'already')
    ? { ...result, satisfiesNone: true }
    : result;
};

/**
 * Until it is committed, the key exists nowhere but at Invent, so that the worker retries for as long as
 * Redis does not write (read-only, loading). Repeating is safe. Lost connections need nothing here: ioredis
 * sends the command again.
 */
const commitAtLength = async (
  { ledger, logger, clock }: PublisherDeps,
  hold: Hold,
  keyVersion: KeyVersion,
): Promise<CommitResult> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ledger.assistants.commit(hold, keyVersion);
    } catch (err) {
      if (!isRedisUnavailable(err)) throw err;
      logger.event('key_commit_refused', { err, ...idsOf(hold) });
      await clock.sleep(backoffMs(tries, { firstMs: 100, maxMs: 5000 }));
    }
  }
};
