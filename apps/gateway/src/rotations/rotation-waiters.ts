import type { Ledger } from '@rekey/ledger';
import type { CallContext } from '@rekey/rpc';
import { RekeyError, isEnded, type Rotation } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { createBulkPolls } from './bulk-polls.ts';
import { shareReads } from '../shared/share-reads.ts';
import { TimeLimits } from '../shared/time-limits.ts';

const POLL_BULKS_EVERY_MS = 250;
const POLLS_PER_ROUND = 250;

type Caller = Pick<CallContext, 'isGone' | 'onGone'>;

export interface RotationWaiters {
  start(): void;
  /**
   * Resolves with the rotation when it has ended, or in its current state when the time is up. Throws
   * ROTATION_NOT_FOUND and SHUTTING_DOWN. Rejects if the caller has gone: nobody receives that.
   */
  wait(id: string, options: { timeoutMs: number; caller: Caller }): Promise<Rotation>;
  /** The rotation as it is now, without a wait: everybody who asks shares the read. */
  now(id: string): Promise<Rotation>;
  /** The number of calls that wait. */
  count(): number;
  /** Ends every wait with SHUTTING_DOWN. */
  close(): void;
}

/** Shared: to make an error, with its stack, for each caller that leaves takes longer than all else. */
const CALLER_GONE = new RekeyError('REQUEST_STALLED');

/** What all waiters use. */
interface Host {
  readonly waiting: Waiting;
  readonly limits: TimeLimits;
  /** Whether the gateway shuts down. */
  isClosing: boolean;
  read(id: string): Promise<Rotation>;
  /** It has not ended. */
  onWaiting(rotation: Rotation): void;
  /** The last waiter of a rotation has left. */
  onLast(id: string): void;
}

/**
 * One call that waits. Tens of thousands may be open: it holds no more than it needs, so that it is no
 * async function, whose frames and promises would take a kilobyte more.
 */
class Waiter {
  readonly id: string;
  /** Its neighbours among the waiters of the rotation. */
  before: Waiter | undefined;
  after: Waiter | undefined;
  private readonly host: Host;
  private readonly answer = Promise.withResolvers<Rotation>();
  private limitAt = 0;
  private isTimeUp = false;
  private isReading = false;
  private isWoken = false;
  private isOver = false;

  constructor(host: Host, id: string) {
    this.host = host;
    this.id = id;
  }

  begin(timeoutMs: number, caller: Caller): Promise<Rotation> {
    this.host.waiting.add(this);
    this.limitAt = this.host.limits.add(this, timeoutMs);
    if (caller.isGone) this.isTimeUp = true;
    else caller.onGone(() => this.fail(CALLER_GONE));
    // Added before the first read: an end in between wakes this call.
    this.read();
    return this.answer.promise;
  }

  onTimeUp(): void {
    this.isTimeUp = true;
    this.wake();
  }

  wake(): void {
    if (this.isReading) this.isWoken = true;
    else if (this.host.isClosing) this.fail(new RekeyError('SHUTTING_DOWN'));
    else if (!this.isOver) this.read();
  }

  private read(): void {
    this.isReading = true;
    this.isWoken = false;
    this.host.read(this.id).then(
      (rotation) => this.onRead(rotation),
      (error: unknown) => this.fail(error),
    );
  }

  private onRead(rotation: Rotation): void {
    this.isReading = false;
    if (this.isOver) return;
    // The time may be up since the read began: what it has read is as good as another read.
    if (isEnded(rotation.state) || this.isTimeUp) {
      this.leave();
      this.answer.resolve(rotation);
      return;
    }
    this.host.onWaiting(rotation);
    if (this.isWoken || this.host.isClosing) this.wake();
  }

  private fail(error: unknown): void {
    if (this.isOver) return;
    this.leave();
    this.answer.reject(error);
  }

  private leave(): void {
    this.isOver = true;
    this.host.limits.remove(this, this.limitAt);
    if (this.host.waiting.remove(this)) this.host.onLast(this.id);
  }
}

/** The waiters by the id of the rotation that they wait for, those of one in a chain. */
class Waiting {
  private readonly first = new Map<string, Waiter>();
  private number = 0;

  add(waiter: Waiter): void {
    const other = this.first.get(waiter.id);
    waiter.after = other;
    if (other) other.before = waiter;
    this.first.set(waiter.id, waiter);
    this.number += 1;
  }

  /** Whether that was the last one of its rotation. */
  remove({ id, before, after }: Waiter): boolean {
    this.number -= 1;
    if (after) after.before = before;
    if (before) before.after = after;
    else if (after) this.first.set(id, after);
    else return this.first.delete(id);
    return false;
  }

  wake(id: string): void {
    let waiter = this.first.get(id);
    while (waiter) {
      const next: Waiter | undefined = waiter.after;
      waiter.wake();
      waiter = next;
    }
  }

  wakeAll(): void {
    for (const id of this.first.keys()) this.wake(id);
  }

  count(): number {
    return this.number;
  }
}

/**
 * Waits for rotations without polling: workers publish the id of each rotation that ends on one channel, and
 * only the waiters of that id read the rotation, all of them with one command. If the subscription was down
 * and messages were missed, every rotation is read once when it is back. Ids of a bulk's rotations are not
 * published: those are polled.
 */
export const createRotationWaiters = ({
  ledger,
  subscriber,
  pollBulksEveryMs = POLL_BULKS_EVERY_MS,
  pollsPerRound = POLLS_PER_ROUND,
}: {
  ledger: Ledger;
  subscriber: Redis;
  pollBulksEveryMs?: number;
  pollsPerRound?: number;
}): RotationWaiters => {
  const waiting = new Waiting();
  const read = shareReads((id) => ledger.rotations.get(id));
  const wakeAll = (): void => waiting.wakeAll();
  const polls = createBulkPolls({
    // Waiters read again what has ended, or cannot be read.
    poll: (id) =>
      read(id).then(
        ({ state }) => {
          if (isEnded(state)) waiting.wake(id);
        },
        () => waiting.wake(id),
      ),
    everyMs: pollBulksEveryMs,
    perRound: pollsPerRound,
  });
  const host: Host = {
    waiting,
    limits: new TimeLimits(),
    isClosing: false,
    read,
    onWaiting: ({ id, bulkId }) => {
      if (bulkId !== undefined) polls.add(id);
    },
    onLast: polls.remove,
  };

  return {
    start: () => {
      subscriber.on('message', (channel, id: string) => {
        if (channel === ledger.keys.rotationEnded) waiting.wake(id);
      });
      // ioredis subscribes again after a reconnection, before it emits 'ready'.
      subscriber.on('ready', wakeAll);
      void subscriber.subscribe(ledger.keys.rotationEnded).then(wakeAll, () => {});
    },

    wait: (id, { timeoutMs, caller }) => new Waiter(host, id).begin(timeoutMs, caller),

    now: read,

    count: () => waiting.count(),

    close: () => {
      host.isClosing = true;
      wakeAll();
    },
  };
};
