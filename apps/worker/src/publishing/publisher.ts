import type { UpstreamRecord } from '@rekey/invent';
import type { Claim, CommitResult, Hold, KeyVersion, Ledger, NextRead, Sealed } from '@rekey/ledger';
import { isRedisAway, type Logger } from '@rekey/runtime';
import {
  CurrentEvent,
  KEY_REMOVED,
  KEY_ROTATED,
  KEY_UNCERTAIN,
  type Cause,
  type Removal,
} from '@rekey/schema';
import { openRecord, sealRecord, type Sealer } from '@rekey/sealing';
import { backoffMs } from '../shared/backoff.ts';
import { redisNowMs, type Anchor, type Clock } from '../shared/clock.ts';
import type { Meter } from '../shared/meter.ts';
import type { Readers } from './readers.ts';

export interface PublisherDeps {
  ledger: Pick<Ledger, 'commit' | 'noteUnknown' | 'markUncertain'>;
  sealer: Sealer;
  readers: Readers;
  logger: Logger;
  clock: Clock;
  meter: Meter;
  /** Hears of each key that is published in answer to a POST. */
  onPublished?: (version: { orgId: string; entry: string; answeredAgoMs: number }) => void;
}

/** What is to be published: a record with the key in force, or why there is none. */
export type Finding = Found | { removal: Removal };
export interface Found {
  record: UpstreamRecord;
  secretKey: string;
}

export type Publication = Omit<KeyVersion, 'key' | 'sealed' | 'updatedMs'> & {
  finding: Finding;
  /** By this process's clock, when upstream's answer was there; of an answer to a POST. */
  answeredMs?: number;
};
export type PublishResult = Exclude<CommitResult, { kind: 'other-readers' | 'confirmed' | 'before' }> & {
  /**
   * It is an older key that is in force again, or one that was made before the rotation: it is published, and
   * the rotation continues.
   */
  satisfiesNone?: true;
};

export interface Publisher {
  /** What the ledger calls a finding: a fingerprint, `no-key` or `deleted`. */
  stateOf(finding: Finding): string;
  /**
   * Whether what stands under an assistant's current record is an event that consumers can open and accept,
   * of a key in this state. `nowMs`: Redis time.
   */
  canBeOpened(current: string | null, assistantId: string, state: string, nowMs: number): Promise<boolean>;
  /** Seals and commits, however long Redis refuses to write. `anchor` is of the hold. */
  publish(hold: Hold, anchor: Anchor, publication: Publication): Promise<PublishResult>;
  /**
   * Notes that the outcome of a rotation is unknown; the first time, consumers are told. False where the
   * claim is another's.
   */
  noteUnknown(claim: Claim, next: NextRead): Promise<boolean>;
  /** Tells consumers, once, that reads show an older key than the published one. */
  markUncertain(hold: Hold): Promise<void>;
}

/** What a record that was read says of the key. */
export const findingOf = (record: UpstreamRecord): Finding => {
  if (record.deleted) return { removal: 'deleted' };
  return record.secretKey === undefined ? { removal: 'no-key' } : { record, secretKey: record.secretKey };
};

export const createPublisher = ({
  ledger,
  sealer,
  readers,
  logger,
  clock,
  meter,
  onPublished,
}: PublisherDeps): Publisher => {
  /**
   * The key exists nowhere else but upstream, so that it is committed as soon as Redis writes again
   * (read-only, loading). Repeating is safe. Lost connections need nothing here: ioredis sends the command
   * again.
   */
  const commitAtLength = async (hold: Hold, keyVersion: KeyVersion): Promise<CommitResult> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await ledger.commit(hold, keyVersion);
      } catch (err) {
        if (!isRedisAway(err)) throw err;
        logger.error({ err, ...idsOf(hold) }, 'Redis refuses to write a key that is in force; trying again');
        await clock.sleep(backoffMs(tries, { firstMs: 100, maxMs: 5000 }));
      }
    }
  };

  const sealedVersion = (
    { orgId, assistantId, epoch, atMs }: Hold,
    finding: Finding,
    cause: Cause,
  ): Sealed => {
    const { keys, revision } = readers.of(orgId);
    const what =
      'removal' in finding
        ? ({ type: KEY_REMOVED, removal: finding.removal } as const)
        : ({ type: KEY_ROTATED, assistantJson: finding.record.json } as const);
    return {
      envelope: sealRecord(
        sealer,
        { ...what, orgId, assistantId, version: epoch, cause, ...(isAhead(epoch, atMs) && { ahead: true }) },
        keys,
      ),
      readers: revision,
    };
  };
  const sealedUncertainty = ({ orgId, assistantId, versionBefore, atMs }: Hold): Sealed => {
    const { keys, revision } = readers.of(orgId);
    // Where nothing was published nobody is told.
    return {
      envelope:
        versionBefore === undefined
          ? 'null'
          : sealRecord(
              sealer,
              {
                type: KEY_UNCERTAIN,
                orgId,
                assistantId,
                version: versionBefore,
                ...(isAhead(versionBefore, atMs) && { ahead: true }),
              },
              keys,
            ),
      readers: revision,
    };
  };
  /**
   * Under the one name of its org. The ledger raises the revision of the readers when it learns what `c`
   * stands for, so that nothing that was sealed under `c` is committed after that: it is sealed again.
   */
  const underOneName = <H extends Hold>(hold: H): H => ({ ...hold, orgId: readers.nameOf(hold.orgId) });
  /**
   * Seals and writes; where consumers were added or removed meanwhile, again for those that there are now.
   */
  const forReaders = async <R extends { kind: string }>(
    write: () => Promise<R>,
  ): Promise<Exclude<R, { kind: 'other-readers' }>> => {
    for (;;) {
      const result = await write();
      if (result.kind !== 'other-readers') return result as Exclude<R, { kind: 'other-readers' }>;
      await readers.refresh();
    }
  };

  const report = (hold: Hold, finding: Finding, cause: Cause, result: PublishResult): void => {
    const ids = { ...idsOf(hold), version: hold.epoch, cause };
    switch (result.kind) {
      case 'committed':
      case 'already':
        meter.published(cause, 'removal' in finding);
        if (cause === 'rollback')
          logger.error(
            { ...ids, seq: result.seq },
            'Invent went back to an older key: it is in force, and published',
          );
        else
          logger.info(
            { ...ids, seq: result.seq, ...('removal' in finding && finding) },
            'removal' in finding
              ? 'it is published that an assistant has no key'
              : 'a key version is published',
          );
        break;
      case 'refused':
        logger.error(
          { ...ids, published_version: result.publishedVersion },
          'a key was not published: another worker holds the assistant, or has published since; it is read again',
        );
        break;
      case 'old':
        logger.error(
          { ...ids, published_version: result.publishedVersion },
          'Invent answered a rotation with a key of before: the outcome is unknown',
        );
        break;
      case 'stale':
        meter.staleRead();
        logger.error(
          { ...ids, published_version: result.publishedVersion },
          'what was read is an older key than the one published; reading again',
        );
        break;
      case 'unconfirmed':
        logger.warn(
          { ...ids, ...('removal' in finding && finding) },
          'an assistant seems to have no key any more; a later read has to confirm it',
        );
        break;
      case 'withheld':
        logger.error({ ...ids, code: result.code }, 'the org is held: what was read is not published');
        break;
      case 'doubted':
        logger.info(ids, 'what was read may be older than what is published; reading again');
    }
  };

  return {
    stateOf: (finding) => ('removal' in finding ? finding.removal : sealer.fingerprint(finding.secretKey)),

    canBeOpened: async (current, assistantId, state, nowMs) => {
      const event = readEvent(current);
      if (!event || event.subject !== assistantId) return false;
      // Drawn while the clock of Redis was wrong, and not watched.
      if (
        isAhead(event.data.version, nowMs) &&
        !(await openRecord(sealer, event).catch(() => undefined))?.ahead
      )
        return false;
      if (event.type === KEY_REMOVED) return event.data.removal === state;
      try {
        const opened = await openRecord(sealer, event);
        const { secret_key: secretKey } = opened.assistant;
        return (
          event.data.fingerprint === state &&
          opened.version === event.data.version &&
          !!secretKey &&
          sealer.fingerprint(secretKey) === state
        );
      } catch {
        return false;
      }
    },

    publish: async (hold, anchor, { finding, answeredMs, ...publication }) => {
      if (!('removal' in finding) && finding.record.unexpected.length > 0) {
        logger.warn(
          { ...idsOf(hold), fields: finding.record.unexpected },
          'the record is not as documented; it is published as it came',
        );
      }
      const key = 'removal' in finding ? finding : { fingerprint: sealer.fingerprint(finding.secretKey) };
      const updatedMs = redisNowMs(clock, anchor);
      const write = (cause: Cause, rotation: KeyVersion['rotation']) =>
        forReaders(() => {
          const named = underOneName(hold);
          return commitAtLength(named, {
            key,
            sealed: sealedVersion(named, finding, cause),
            updatedMs,
            ...publication,
            cause,
            rotation,
          });
        });
      const first = await write(publication.cause, publication.rotation);
      const isRollback = first.kind === 'confirmed';
      // An older key satisfies no rotation.
      const satisfiesNone = isRollback || first.kind === 'before';
      const result = satisfiesNone
        ? await write(isRollback ? 'rollback' : publication.cause, 'goes-on')
        : first;
      if (result.kind === 'confirmed' || result.kind === 'before')
        throw new Error('what satisfies no rotation was not committed either');
      report(hold, finding, isRollback ? 'rollback' : publication.cause, result);
      if (result.kind === 'committed' && answeredMs !== undefined)
        onPublished?.({
          orgId: readers.nameOf(hold.orgId),
          entry: result.entry,
          answeredAgoMs: clock.nowMs() - answeredMs,
        });
      return satisfiesNone && (result.kind === 'committed' || result.kind === 'already')
        ? { ...result, satisfiesNone: true }
        : result;
    },

    noteUnknown: async (claim, next) => {
      const { kind } = await forReaders(async () => {
        const named = underOneName(claim);
        return { kind: await ledger.noteUnknown(named, next, sealedUncertainty(named)) };
      });
      return kind === 'noted';
    },

    markUncertain: async (hold) => {
      const { kind } = await forReaders(async () => {
        const named = underOneName(hold);
        return { kind: await ledger.markUncertain(named, sealedUncertainty(named)) };
      });
      if (kind === 'marked')
        logger.warn(
          idsOf(hold),
          'reads show an older key than the published one: consumers are told that it is uncertain',
        );
    },
  };
};

/** By half of what consumers accept: the version stays acceptable as it is until it is read. */
const AHEAD_MS = 43_200_000;
const isAhead = (version: number, nowMs: number): boolean => version > 1000 * (nowMs + AHEAD_MS);

const readEvent = (text: string | null): CurrentEvent | undefined => {
  try {
    return CurrentEvent.parse(JSON.parse(text ?? 'null'));
  } catch {
    return undefined;
  }
};

export const idsOf = ({
  rotationId,
  orgId,
  assistantId,
}: {
  rotationId?: string;
  orgId: string;
  assistantId: string;
}) => ({
  ...(rotationId !== undefined && { rotation_id: rotationId }),
  org_id: orgId,
  assistant_id: assistantId,
});
