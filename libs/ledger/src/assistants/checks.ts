import type { Connection } from '../connection.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { assistantsCommands } from './commands.generated.ts';
import { keyBefore, type Hold } from './hold.ts';

type BeginCheckResult = { kind: 'begun'; hold: Hold } | { kind: 'held'; retryInMs: number };

/** A check that was drawn, to be ended by `endCheck`. */
export interface DueCheck {
  orgId: string;
  assistantId: string;
  /** Tells it from other checks of the same assistant. */
  name: string;
  putOffUntilMs: number;
  /** It may take its time, and takes its request from the sweep's share. */
  slow: boolean;
}

/** Reading assistants to compare them with what is published. */
export interface Checks {
  /**
   * Begins a check of an assistant: a read may be committed under the hold, unless it is claimed meanwhile.
   */
  beginCheck(target: { orgId: string; assistantId: string }): Promise<BeginCheckResult>;
  /**
   * Requests that an assistant is read and compared with what is published, after this time at the latest.
   */
  requestCheck(
    target: { orgId: string; assistantId: string },
    inMs: number,
    options?: { slow: boolean },
  ): Promise<void>;
  /**
   * Draws checks that are due. Checks that have not ended within `takeMs` are drawn again. `slow`: draws
   * checks that may take their time.
   */
  drawChecks(count: number, takeMs: number, options?: { slow: boolean }): Promise<DueCheck[]>;
  /** Of each assistant, whether its check was requested and has not ended. */
  arePending(
    targets: { orgId: string; assistantId: string }[],
    options: { slow: boolean },
  ): Promise<boolean[]>;
  /** How many checks are due and not drawn. `slow`: of those that may take their time. */
  countDue(options: { slow: boolean }): Promise<number>;
  /** Ends a check, or puts it off; with `slow`, to those that may take their time. */
  endCheck(check: DueCheck, again?: { inMs: number; slow: boolean }): Promise<void>;
}

const createBeginCheck =
  ({ keys, run }: Connection): Checks['beginCheck'] =>
  async ({ orgId, assistantId }) => {
    const reply = await assistantsCommands(run).beginCheck({ assistant: keys.assistant(assistantId) });
    if (reply.kind === 'held') return { kind: 'held', retryInMs: reply.waitMs };
    const hold: Hold = {
      orgId,
      assistantId,
      epoch: reply.epoch,
      atMs: reply.nowMs,
      ...keyBefore(reply.keyState, reply.version),
      uncertain: reply.uncertain,
      ...(reply.tooLarge && { tooLarge: true as const }),
      ...(reply.org !== undefined && { publishedOrgId: decodeURIComponent(reply.org) }),
    };
    return { kind: 'begun', hold };
  };

export const createChecks = (connection: Connection): Checks => {
  const { redis, keys, run } = connection;
  const commands = assistantsCommands(run);
  const checksOf = (slow: boolean): string => (slow ? keys.slowChecks : keys.checks);

  return {
    beginCheck: createBeginCheck(connection),

    requestCheck: async ({ orgId, assistantId }, inMs, { slow } = { slow: false }) => {
      await commands.requestCheck({
        checks: checksOf(slow),
        org: orgId,
        assistantId,
        inMs: Math.round(inMs),
      });
    },

    drawChecks: async (count, takeMs, { slow } = { slow: false }) => {
      const { untilMs, checks } = await commands.drawChecks({
        checks: checksOf(slow),
        count,
        takeMs: Math.round(takeMs),
      });
      return checks.map((name) => {
        // No id has a slash in it.
        const [orgId, assistantId] = name.split('/') as [string, string];
        return { orgId, assistantId, name, putOffUntilMs: untilMs, slow };
      });
    },

    arePending: async (targets, { slow }) => {
      if (targets.length === 0) return [];
      const names = targets.map(({ orgId, assistantId }) => `${orgId}/${assistantId}`);
      return (await redis.zmscore(checksOf(slow), ...names)).map((score) => score !== null);
    },

    countDue: async ({ slow }) => redis.zcount(checksOf(slow), '-inf', await redisNowMs(redis)),

    endCheck: async ({ name, putOffUntilMs, slow }, again) => {
      await commands.endCheck({
        from: checksOf(slow),
        to: checksOf(again?.slow ?? slow),
        check: name,
        untilMs: putOffUntilMs,
        againInMs: again && Math.round(again.inMs),
      });
    },
  };
};
