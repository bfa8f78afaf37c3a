import type { UpstreamRecord } from '@rekey/invent';
import type { CommitResult, Hold, KeyVersion, Ledger } from '@rekey/ledger';
import { isRedisAway, type Logger } from '@rekey/runtime';
import { CurrentEvent, KEY_REMOVED, type Removal } from '@rekey/schema';
import { openRecord, sealRecord, type Sealer } from '@rekey/sealing';
import { backoffMs } from './backoff.ts';
import { redisNowMs, type Anchor, type Clock } from './clock.ts';
import type { Meter } from './meter.ts';

export interface PublisherDeps {
  ledger: Pick<Ledger, 'commit'>;
  sealer: Sealer;
  logger: Logger;
  clock: Clock;
  meter: Meter;
}

/** What is to be published: a record with the key in force, or why there is none. */
export type Finding = Found | { removal: Removal };
export interface Found {
  record: UpstreamRecord;
  secretKey: string;
}

export type Publication = Omit<KeyVersion, 'key' | 'updatedMs'> & { finding: Finding };

export interface Publisher {
  /** What the ledger calls a finding: a fingerprint, `no-key` or `deleted`. */
  stateOf(finding: Finding): string;
  /** Whether what stands under an assistant's current record is an event that consumers can open, of a key in this state. */
  canBeOpened(current: string | null, assistantId: string, state: string): Promise<boolean>;
  /** Seals and commits, however long Redis refuses to write. `anchor` is of the hold. */
  publish(hold: Hold, anchor: Anchor, publication: Publication): Promise<CommitResult>;
}

/** What a record that was read says of the key. */
export const findingOf = (record: UpstreamRecord): Finding => {
  if (record.deleted) return { removal: 'deleted' };
  return record.secretKey === undefined ? { removal: 'no-key' } : { record, secretKey: record.secretKey };
};

export const createPublisher = ({ ledger, sealer, logger, clock, meter }: PublisherDeps): Publisher => {
  /**
   * The key exists nowhere else but upstream, so that it is committed as soon as Redis writes again (read-only, loading). Repeating
   * is safe. Lost connections need nothing here: ioredis sends the command again.
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

  const sealed = (hold: Hold, { record, secretKey }: Found): KeyVersion['key'] => {
    if (record.unexpected.length > 0) {
      logger.warn({ ...idsOf(hold), fields: record.unexpected }, 'the record is not as documented; it is published as it came');
    }
    const { orgId, assistantId, epoch } = hold;
    return { fingerprint: sealer.fingerprint(secretKey), sealed: sealRecord(sealer, { orgId, assistantId, version: epoch, assistantJson: record.json }) };
  };

  return {
    stateOf: (finding) => ('removal' in finding ? finding.removal : sealer.fingerprint(finding.secretKey)),

    canBeOpened: async (current, assistantId, state) => {
      const event = readEvent(current);
      if (!event || event.subject !== assistantId) return false;
      if (event.type === KEY_REMOVED) return event.data.removal === state;
      try {
        const opened = await openRecord(sealer, event.data.sealed);
        const { secret_key: secretKey } = opened.assistant;
        return event.data.fingerprint === state && opened.version === event.data.version && !!secretKey && sealer.fingerprint(secretKey) === state;
      } catch {
        return false;
      }
    },

    publish: async (hold, anchor, { finding, ...publication }) => {
      const key = 'removal' in finding ? finding : sealed(hold, finding);
      const result = await commitAtLength(hold, { key, updatedMs: redisNowMs(clock, anchor), ...publication });
      const ids = { ...idsOf(hold), version: hold.epoch, cause: publication.cause };
      switch (result.kind) {
        case 'committed':
        case 'already':
          meter.published(publication.cause, 'removal' in finding);
          logger.info({ ...ids, seq: result.seq, ...('removal' in finding && finding) }, 'removal' in finding ? 'it is published that an assistant has no key' : 'a key version is published');
          break;
        case 'refused':
          logger.error({ ...ids, published_version: result.publishedVersion }, 'a key was not published: another worker holds the assistant, or has published since; it is read again');
          break;
        case 'stale':
          meter.staleRead();
          logger.error({ ...ids, published_version: result.publishedVersion }, 'what was read is an older key than the one published; reading again');
          break;
        case 'doubted':
          logger.info(ids, 'what was read may be older than what is published; reading again');
      }
      return result;
    },
  };
};

const readEvent = (text: string | null): CurrentEvent | undefined => {
  try {
    return CurrentEvent.parse(JSON.parse(text ?? 'null'));
  } catch {
    return undefined;
  }
};

export const idsOf = ({ rotationId, orgId, assistantId }: { rotationId?: string; orgId: string; assistantId: string }) => ({
  ...(rotationId !== undefined && { rotation_id: rotationId }),
  org_id: orgId,
  assistant_id: assistantId,
});
