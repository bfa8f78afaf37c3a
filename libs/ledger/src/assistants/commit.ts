import type { Connection } from '../connection.ts';
import { errorCodeOf } from '../orgs/held-orgs.ts';
import { asCorrupt } from '../scripts/run.ts';
import { coalesce } from './coalesce.ts';
import { assistantsCommands } from './commands.generated.ts';
import type { Hold } from './hold.ts';
import { versionEvent, type CommitResult, type KeyVersion } from './key-version.ts';

export interface CommitOptions {
  /** About how many events the stream keeps, asked at each that is added. */
  keepEvents: () => number;
  /** For how long reads have to agree that an assistant has no key before that is published. */
  confirmAfterMs: number;
  /** The share of an org that may change before it is held, in percent. */
  maxChangedPercent: number;
}

type Commands = ReturnType<typeof assistantsCommands>;
type Version = Parameters<Commands['commit']>[0]['versions'][number];
type Answer = Awaited<ReturnType<Commands['commit']>>['answers'][number];

/** More would save little, and delay all other commands. */
const MAX_COALESCED = 8;

const resultOf = (answer: Answer): CommitResult => {
  switch (answer.kind) {
    case 'refused':
    case 'old':
      return { kind: answer.kind, publishedVersion: answer.version };
    case 'stale':
      return { kind: 'stale', publishedVersion: answer.version, retryInMs: answer.waitMs };
    case 'doubted':
    case 'unconfirmed':
      return { kind: answer.kind, retryInMs: answer.waitMs };
    case 'withheld':
      return { kind: 'withheld', code: errorCodeOf(answer.code) };
    case 'recipients':
      return { kind: 'other-recipients' };
    case 'broken':
      return asCorrupt(new Error(answer.failure));
    default:
      return answer;
  }
};

export const createCommit = (
  { keys, run }: Connection,
  { keepEvents, confirmAfterMs, maxChangedPercent }: CommitOptions,
): ((hold: Hold, keyVersion: KeyVersion) => Promise<CommitResult>) => {
  const commands = assistantsCommands(run);
  const commitCoalesced = coalesce<Version, Answer>(MAX_COALESCED, async (versions) => {
    const { answers } = await commands.commit({ versions });
    return answers;
  });

  const versionOf = (hold: Hold, keyVersion: KeyVersion): Version => {
    const { orgId, assistantId, rotationId, epoch } = hold;
    const { key, rotation, read, checkAgainInMs, witnessedMs } = keyVersion;
    const { unknownsInARow = 0 } = hold as { unknownsInARow?: number };
    return {
      rotation: rotationId === undefined ? keys.assistant(assistantId) : keys.rotation(rotationId),
      assistant: keys.assistant(assistantId),
      current: keys.current(assistantId),
      intents: keys.intents(orgId),
      id: rotationId,
      epoch,
      state: 'removal' in key ? key.removal : key.fingerprint,
      cause: keyVersion.cause,
      ...versionEvent(hold, keyVersion),
      keep: keepEvents(),
      committedMs: keyVersion.updatedMs,
      becomes: typeof rotation === 'string' ? rotation : rotation.fails,
      org: orgId,
      encodedOrg: encodeURIComponent(orgId),
      assistantId,
      readMs: read && Math.floor(read.beganMs),
      lagMs: read?.lagMs ?? 0,
      checkInMs: checkAgainInMs === undefined ? undefined : Math.round(checkAgainInMs),
      endsUnknowns: !read && unknownsInARow > 0,
      recipients: keyVersion.sealed.revision,
      confirmMs: Math.round(confirmAfterMs),
      maxPercent: maxChangedPercent,
      noted: keyVersion.noted,
      witnessedMs: witnessedMs === undefined ? undefined : Math.floor(witnessedMs),
    };
  };

  return async (hold, keyVersion) => resultOf(await commitCoalesced(versionOf(hold, keyVersion)));
};
