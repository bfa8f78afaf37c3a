import type { Connection } from '../connection.ts';
import { createChecks, type Checks } from './checks.ts';
import { assistantsCommands } from './commands.generated.ts';
import { createCommit, type CommitOptions } from './commit.ts';
import type { Hold } from './hold.ts';
import { uncertainEvent, type CommitResult, type KeyVersion, type Sealed } from './key-version.ts';
import { createPublished, type Published } from './published.ts';

/** How what was read compares with what is published: see compare.lua. */
export type Comparison =
  'agrees' | 'keyless' | 'unseen' | 'differs' | 'held' | 'young' | 'stale' | 'unshown' | 'corrupt';

/** Assistants and their key versions. Every method is one atomic command, or a read. */
export interface Assistants extends Checks, Published {
  /** Publishes a key version. Safe to repeat: the same commit is found to be there already. */
  commit(hold: Hold, keyVersion: KeyVersion): Promise<CommitResult>;
  /** Tells consumers, once, that reads show an older key than the published one. */
  markUncertain(hold: Hold, sealed: Sealed): Promise<'marked' | 'known' | 'refused' | 'other-recipients'>;
  /**
   * Compares what was read with what is published, and notes what was in force. `state` is a fingerprint,
   * `no-key`, `deleted`, or empty if the record does not show its key.
   */
  compare(
    read: { beganMs: number; lagMs: number },
    records: { assistantId: string; state: string }[],
  ): Promise<Comparison[]>;
  /** Notes that the entry of an assistant cannot be read; true if that is new. */
  quarantine(assistantId: string, why: string, nowMs: number): Promise<boolean>;
  /** Takes the note back; true if there was one. */
  unquarantine(assistantId: string): Promise<boolean>;
  /**
   * The record of an assistant is too long to be read: no POST leaves for it until it fits. False if that was
   * known.
   */
  noteTooLarge(target: { orgId: string; assistantId: string }, nowMs: number): Promise<boolean>;
  /** The records of these were read. */
  noteFits(assistantIds: readonly string[]): Promise<void>;
}

const createMarkUncertain =
  ({ keys, run }: Connection, { keepEvents }: CommitOptions): Assistants['markUncertain'] =>
  async (hold, sealed) => {
    const { kind } = await assistantsCommands(run).markUncertain({
      assistant: keys.assistant(hold.assistantId),
      epoch: hold.epoch,
      ...uncertainEvent(hold, sealed),
      keep: keepEvents(),
      assistantId: hold.assistantId,
      recipients: sealed.revision,
    });
    return kind === 'recipients' ? 'other-recipients' : kind;
  };

const createCompare =
  ({ keys, run }: Connection): Assistants['compare'] =>
  async ({ beganMs, lagMs }, records) => {
    if (records.length === 0) return [];
    const { words } = await assistantsCommands(run).compare({
      readMs: Math.floor(beganMs),
      lagMs,
      records: records.map(({ assistantId, state }) => ({
        assistant: keys.assistant(assistantId),
        assistantId,
        state,
      })),
    });
    return words as Comparison[];
  };

export const openAssistants = (connection: Connection, options: CommitOptions): Assistants => {
  const { redis, keys } = connection;
  const note = async (key: string, assistantId: string, content: Record<string, unknown>): Promise<boolean> =>
    (await redis.hsetnx(key, assistantId, JSON.stringify(content))) === 1;

  return {
    ...createChecks(connection),
    ...createPublished(connection),
    commit: createCommit(connection, options),
    markUncertain: createMarkUncertain(connection, options),
    compare: createCompare(connection),
    quarantine: (assistantId, why, nowMs) =>
      note(keys.quarantine, assistantId, { since: Math.round(nowMs), why }),
    unquarantine: async (assistantId) => (await redis.hdel(keys.quarantine, assistantId)) === 1,
    noteTooLarge: ({ orgId, assistantId }, nowMs) =>
      note(keys.tooLarge, assistantId, { since: Math.round(nowMs), org: orgId }),
    noteFits: async (assistantIds) => {
      if (assistantIds.length > 0) await redis.hdel(keys.tooLarge, ...assistantIds);
    },
  };
};
