import { createHash } from 'node:crypto';
import { ORG_ALIAS, type Removal } from '@rekey/schema';
import { versionEvent } from '../assistants/key-version.ts';
import type { Connection } from '../connection.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { orgsCommands } from './commands.generated.ts';

/** An assistant that is published under `c`. */
export interface UnderAlias {
  assistantId: string;
  /**
   * `held`: a rotation holds it, or its key is in doubt; the end of that publishes it under its real name.
   */
  state: 'ready' | 'held' | 'unreadable';
  epoch: string;
  versionBefore?: number;
  /** A fingerprint, `no-key` or `deleted`. */
  stateBefore?: string;
  /** Its published event. */
  current: string | null;
}

/** A key version that is published again under the org's real name. */
export interface Moved {
  from: UnderAlias;
  version: number;
  key: { fingerprint: string } | { removal: Removal };
  sealed: string;
}

export type MoveResult =
  { kind: 'moved'; words: ('moved' | 'gone' | 'changed')[] } | { kind: 'other-recipients' };

/** A longer command would block others. */
const MOVED_AT_ONCE = 20;

/** Publishes assistants again under the real name of their org: see `OrgAlias`. */
export const createMove =
  ({ redis, keys, run }: Connection, keepEvents: () => number) =>
  async (orgId: string, moved: Moved[], revision: string): Promise<MoveResult> => {
    const move = async (some: Moved[]): Promise<MoveResult> => {
      const nowMs = await redisNowMs(redis);
      const reply = await orgsCommands(run).orgMove({
        ofC: keys.assistants(ORG_ALIAS),
        ofOrg: keys.assistants(orgId),
        orgs: keys.orgs,
        org: orgId,
        encodedOrg: encodeURIComponent(orgId),
        keep: keepEvents(),
        recipients: revision,
        versions: some.map(({ from, version, key, sealed }) => ({
          assistant: keys.assistant(from.assistantId),
          current: keys.current(from.assistantId),
          assistantId: from.assistantId,
          seen: createHash('sha1')
            .update(from.current ?? '')
            .digest('hex'),
          epoch: from.epoch,
          version,
          ...versionEvent(
            { orgId, assistantId: from.assistantId, epoch: version },
            { key, sealed: { envelope: sealed, revision }, cause: 'reconciliation', updatedMs: nowMs },
          ),
        })),
      });
      if (reply.kind === 'recipients') return { kind: 'other-recipients' };
      return { kind: 'moved', words: reply.words as ('moved' | 'gone' | 'changed')[] };
    };

    const words: ('moved' | 'gone' | 'changed')[] = [];
    for (let at = 0; at < moved.length; at += MOVED_AT_ONCE) {
      const result = await move(moved.slice(at, at + MOVED_AT_ONCE));
      if (result.kind === 'other-recipients') return result;
      words.push(...result.words);
    }
    return { kind: 'moved', words };
  };
