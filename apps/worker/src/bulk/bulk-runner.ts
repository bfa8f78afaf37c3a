import { randomUUID } from 'node:crypto';
import type { BulkRange, BulkWork, Claim, RotationQueue } from '@rekey/ledger';
import { nextUlid, type Logger } from '@rekey/runtime';
import { RekeyError, type ErrorCode } from '@rekey/schema';
import { backoffMs } from '../shared/backoff.ts';
import { BulkLost } from './bulk-tasks.ts';
import type { Clock } from '../shared/clock.ts';
import { ASK_AGAIN_WITHIN_MS } from '../shared/pacer.ts';
import { idsOf } from '../publishing/publisher.ts';
import type { Step } from '../rotation/rotate-secret-key.ts';

export interface BulkRunnerOptions {
  work: BulkWork;
  /** Prepares or verifies a bulk. Rejects with BulkLost where it is another's by now. */
  doTask: (kind: 'prepare' | 'verify', bulkId: string, token: string) => Promise<void>;
  /** Takes a claim as far as it goes. */
  post: (claim: Claim, askedMs: number) => Promise<Step>;
  /** Where rotations go whose outcome is unknown. */
  followUps: RotationQueue;
  clock: Clock;
  logger: Logger;
  /** How many requests may be under way at once. */
  concurrency: number;
  /** How many POSTs of an org may be under way or of unknown outcome at once. */
  maxOpenIntents: number;
  claimLeaseMs: number;
  landingWindowMs: number;
  /** What a worker that died had drawn is drawn by another after so long. */
  takeoverAfterMs: number;
  holdBack: () => ErrorCode | undefined;
  /** Aborts when the process is told to end. */
  stopping: AbortSignal;
}

/** So many assistants are drawn at once, and so many claimed with one command. */
const DRAW_SIZE = 100;
const CLAIM_SIZE = 16;
/**
 * So many draws are in hand at once, so that a bulk that cannot go on does not hold up the others. One more
 * is taken of a bulk whose turn is sooner than that of the last of them, which is let go where even that is
 * one too many.
 */
const HANDS = 3;
/** The next draw of a bulk beside the one that comes to its end. */
const HANDS_OF_ONE = 2;
const LOOK_EVERY_MS = 250;
const REST_WHEN_BUSY_MS = 500;
const WAIT_FOR_ROOM_MS = 5;
const errorBackoff = { firstMs: 500, maxMs: 30_000 };

/** What of a draw is still to be claimed. */
interface Hand {
  range: BulkRange;
  /** The lower, the sooner it is the turn of its bulk. */
  place: number;
  /** Some of it was claimed, or need not be. */
  moved: boolean;
}

/** A bulk that is prepared or verified. */
interface Task {
  urgent: boolean;
  done: Promise<void>;
}

/**
 * Rotates the assistants of bulk rotations. What is to be done is drawn from the ledger, a hundred assistants
 * at a time, and comes back by itself where this process dies; each is claimed by the ledger before its
 * request leaves, so that nothing is done twice.
 */
export const startBulkRunner = (options: BulkRunnerOptions): { close(): Promise<void> } => {
  const {
    work,
    doTask,
    post,
    followUps,
    clock,
    logger,
    concurrency,
    maxOpenIntents,
    takeoverAfterMs,
    holdBack,
    stopping,
  } = options;
  const token = randomUUID();
  /** The ledger leaves a tenth of an org's open intents to single rotations. */
  const bulksShare = maxOpenIntents - Math.floor(maxOpenIntents / 10);
  /**
   * Those whose turn is soonest stand first: the others are sent from only where these cannot use the room.
   */
  const hands: Hand[] = [];
  /** Requests under way, and how many of each org. */
  const underWay = new Set<Promise<void>>();
  const underWayOf = new Map<string, number>();
  /** Until when nothing is claimed of an org, or of a bulk, and how often in a row that came of refusals. */
  const restUntil = new Map<string, number>();
  const refusals = new Map<string, number>();
  let pacedUntil = 0;
  let lookAgainMs = 0;
  /** By bulk id: one, and beside one that is not urgent another that is. */
  const tasks = new Map<string, Task>();
  let wake = () => {};

  const pause = async (ms: number): Promise<void> => {
    const woken = new Promise<void>((resolve) => (wake = resolve));
    await Promise.race([woken, clock.sleep(Math.max(Math.ceil(ms), 1))]);
  };
  const rests = (name: string): boolean => {
    const until = restUntil.get(name);
    if (until === undefined) return false;
    if (until > clock.nowMs()) return true;
    restUntil.delete(name);
    return false;
  };
  const rest = (name: string, ms: number) =>
    restUntil.set(name, Math.max(restUntil.get(name) ?? 0, clock.nowMs() + ms));
  const roomOf = (orgId: string): number =>
    Math.min(bulksShare - (underWayOf.get(orgId) ?? 0), concurrency - underWay.size);

  /** What cannot be finished here goes on in the queue that every worker draws from. */
  const carryOn = async (claim: Claim, askedMs: number): Promise<void> => {
    const { rotationId, orgId, assistantId } = claim;
    let inMs = 0;
    try {
      const step = await post(claim, askedMs);
      if (step.kind === 'given-back') {
        // Those that were under way together count once.
        const times = (refusals.get(orgId) ?? 0) + (rests(orgId) ? 0 : 1);
        refusals.set(orgId, times);
        return void rest(orgId, Math.max(step.restMs, backoffMs(times, errorBackoff)));
      }
      refusals.delete(orgId);
      if (step.kind !== 'again') return;
      inMs = step.inMs;
    } catch (err) {
      logger.error({ err, ...idsOf(claim) }, 'a step of a rotation broke; it is tried again');
      inMs = err instanceof RekeyError && err.code === 'LEDGER_CORRUPT' ? 0 : 1000;
    }
    await followUps.add({ rotationId, orgId, assistantId }, { delayMs: inMs });
  };

  const send = (claim: Claim, askedMs: number): void => {
    const { orgId } = claim;
    underWayOf.set(orgId, (underWayOf.get(orgId) ?? 0) + 1);
    const sending = carryOn(claim, askedMs)
      // The ledger finds it: an open rotation that no job carries.
      .catch((err: unknown) =>
        logger.warn({ err, ...idsOf(claim) }, 'a rotation could not be put on its way; it is found later'),
      )
      .finally(() => {
        underWay.delete(sending);
        const left = underWayOf.get(orgId)! - 1;
        if (left > 0) underWayOf.set(orgId, left);
        else underWayOf.delete(orgId);
        // Nothing of an org is drawn that has no room; now it may have.
        if (!hands.some(({ range }) => range.orgId === orgId))
          lookAgainMs = Math.min(lookAgainMs, clock.nowMs() + WAIT_FOR_ROOM_MS);
        wake();
      });
    underWay.add(sending);
  };

  const letGo = async (hand: Hand): Promise<void> => {
    hands.splice(hands.indexOf(hand), 1);
    await work.endRange(hand.range, token);
  };

  const claimSome = async (hand: Hand): Promise<void> => {
    const { range } = hand;
    const items = range.waiting
      .slice(0, Math.min(roomOf(range.orgId), CLAIM_SIZE))
      .map(({ index, assistantId }) => ({
        index,
        job: { rotationId: `rot_${nextUlid()}`, orgId: range.orgId, assistantId },
      }));
    const askedMs = clock.nowMs();
    const result = await work.claim(range, items, {
      leaseMs: options.claimLeaseMs,
      landingWindowMs: options.landingWindowMs,
      maxOpenIntents,
      holdBack: holdBack(),
    });
    switch (result.kind) {
      case 'stopped':
        return letGo(hand);
      case 'full':
        return void rest(range.orgId, result.retryInMs * (0.5 + Math.random()));
      case 'frozen':
        rest(range.bulkId, result.retryInMs);
        return letGo(hand);
      case 'claimed': {
        for (const item of result.items) {
          if (item.kind === 'claimed') send(item.claim, askedMs);
          if (item.kind !== 'busy') hand.moved = true;
        }
        range.waiting.splice(0, result.items.length);
        if (result.retryInMs !== undefined)
          pacedUntil = clock.nowMs() + Math.min(result.retryInMs, ASK_AGAIN_WITHIN_MS);
        // Room gave out before any was claimed: those that are under way elsewhere have it.
        else if (result.items.length === 0) rest(range.orgId, WAIT_FOR_ROOM_MS);
      }
    }
  };

  /** The next of a bulk are drawn before the last ones are claimed. */
  const isProvided = (bulkId: string): boolean => {
    const its = hands.filter(({ range }) => range.bulkId === bulkId);
    return (
      its.length >= HANDS_OF_ONE ||
      its.reduce((sum, { range }) => sum + range.waiting.length, 0) > 2 * CLAIM_SIZE
    );
  };
  const wantedTasks = (): boolean | 'urgent' => {
    if (tasks.size === 0) return true;
    return tasks.size === 1 && ![...tasks.values()][0]!.urgent && 'urgent';
  };

  const take = async (hand: Hand): Promise<void> => {
    const after = hands.findIndex(({ place }) => place > hand.place);
    hands.splice(after === -1 ? hands.length : after, 0, hand);
    if (hands.length > HANDS + 1) await letGo(hands.at(-1)!);
  };

  const look = async (): Promise<void> => {
    const provided = new Set(hands.map(({ range }) => range.bulkId).filter(isProvided));
    const resting = [...restUntil.keys()].filter((name) => name.startsWith('blk_') && rests(name));
    const draw = await work.draw({
      token,
      leaseMs: takeoverAfterMs,
      size: DRAW_SIZE,
      maxOpenIntents: bulksShare,
      ranges: holdBack() === undefined,
      tasks: wantedTasks(),
      ...(hands.length >= HANDS && { before: hands.at(-1)!.place }),
      except: [...provided, ...resting, ...tasks.keys()],
    });
    switch (draw.kind) {
      case 'range':
        // One in which nobody waits any more is over at once, and the bulk goes on.
        return take({ range: draw.range, place: draw.place, moved: draw.range.waiting.length === 0 });
      case 'prepare':
      case 'verify':
        tasks.set(draw.bulkId, { urgent: draw.urgent ?? false, done: begin(draw.kind, draw.bulkId) });
        return;
      case 'nothing':
        lookAgainMs = clock.nowMs() + LOOK_EVERY_MS;
    }
  };

  const begin = async (kind: 'prepare' | 'verify', bulkId: string): Promise<void> => {
    try {
      await doTask(kind, bulkId, token);
    } catch (err) {
      // Its lease lapses, and it is drawn anew: here or elsewhere.
      if (!(err instanceof BulkLost))
        logger.error(
          { err, bulk_id: bulkId, task: kind },
          'a bulk rotation could not be prepared or verified; it is tried again',
        );
    } finally {
      tasks.delete(bulkId);
      wake();
    }
  };

  const turn = async (): Promise<void> => {
    const nowMs = clock.nowMs();
    const spent = hands.find(({ range }) => range.waiting.length === 0);
    if (spent) {
      // Only such as are held by others: they will not be free at once.
      if (spent.moved) lookAgainMs = 0;
      else rest(spent.range.bulkId, REST_WHEN_BUSY_MS);
      return letGo(spent);
    }
    if (nowMs >= lookAgainMs) await look();
    const hand =
      pacedUntil > clock.nowMs()
        ? undefined
        : hands.find(
            ({ range }) => range.waiting.length > 0 && roomOf(range.orgId) > 0 && !rests(range.orgId),
          );
    if (hand) return claimSome(hand);
    const moments = [pacedUntil, ...restUntil.values()].filter((ms) => ms > nowMs);
    const soonest = Math.min(
      ...(hands.length > 0 ? moments : []),
      Math.max(lookAgainMs, nowMs),
      nowMs + LOOK_EVERY_MS,
    );
    await pause(soonest - clock.nowMs());
  };

  const run = async (): Promise<void> => {
    for (let failures = 0; !stopping.aborted;) {
      try {
        await turn();
        failures = 0;
      } catch (err) {
        failures += 1;
        logger.warn({ err }, 'bulk rotations cannot go on; it is tried again');
        await pause(backoffMs(failures, errorBackoff));
      }
    }
  };

  const renewal = setInterval(() => {
    const drawn = hands.map(({ range }) => work.renew(range.bulkId, token, takeoverAfterMs, range));
    for (const bulkId of tasks.keys()) drawn.push(work.renew(bulkId, token, takeoverAfterMs));
    // What cannot be renewed is claimed once all the same.
    void Promise.allSettled(drawn);
  }, takeoverAfterMs / 4);
  stopping.addEventListener('abort', () => wake());
  const running = run();

  return {
    close: async () => {
      await running;
      clearInterval(renewal);
      await Promise.all([...tasks.values()].map(({ done }) => done));
      await Promise.all(underWay);
      await Promise.allSettled(hands.splice(0).map(({ range }) => work.endRange(range, token)));
    },
  };
};
