import { createHmac } from 'node:crypto';
import { EventEmitter } from 'node:events';
import {
  SubscribeError,
  type Freshness,
  type Keys,
  type KeysEvents,
  type SubscribeOptions,
} from '@rekey/subscriber';
import type { Known } from './outputs/selection.ts';

/** For specs: keys that the spec publishes, without Redis, and what the agent acknowledges of them. */
export interface FakeKeys extends Keys {
  /** As `subscribe`. */
  follow(options: SubscribeOptions): Promise<Keys>;
  publish(assistantId: string, secretKey: string, more?: { orgId?: string; uncertain?: boolean }): void;
  remove(assistantId: string, removal?: string): void;
  makeUnreadable(assistantId: string): void;
  /** Changes what `freshness` returns. */
  set(freshness: Partial<Freshness>): void;
  /** What was published last, and how much of it was acknowledged. */
  readonly seq: number;
  readonly acknowledged: number;
  readonly lastFailure: string | undefined;
  /** The options of the agent. */
  readonly options: SubscribeOptions | undefined;
}

const UPDATED_AT = '2026-11-29T20:00:00.000Z';

class Fake extends EventEmitter<KeysEvents> implements FakeKeys {
  seq = 0;
  acknowledged = 0;
  lastFailure: string | undefined;
  options: SubscribeOptions | undefined;
  unapplied = { count: 0, last: [] };
  refused = { count: 0, first: [] };
  readonly #known = new Map<string, Known>();
  #closed = false;
  #isRunning = false;
  #freshness: Freshness = {
    upToDate: true,
    behindMs: 12,
    staleForMs: undefined,
    connected: true,
    snapshotDue: undefined,
    revoked: false,
    restored: false,
    acknowledging: true,
    position: '1-0',
    seq: 1,
    instance: 'spec',
    fault: undefined,
  };

  follow = async (options: SubscribeOptions): Promise<Keys> => {
    this.options = options;
    if (options.restore) {
      for (const key of options.restore.keys) this.#known.set(key.assistantId, key as Known);
      const behindMs = Date.now() - options.restore.provenAt.getTime();
      this.set({ restored: true, upToDate: false, connected: false, behindMs });
    }
    this.#acknowledge();
    return this;
  };
  publish(assistantId: string, secretKey: string, { orgId = 'org_1', uncertain = false } = {}): void {
    const key = {
      state: 'held',
      ...this.#next(assistantId, orgId),
      secretKey,
      cause: 'rotation',
      uncertain,
    } as const;
    this.#known.set(assistantId, key);
    this.#emit('key', { ...key, record: () => ({}) });
  }
  remove(assistantId: string, removal = 'no-key'): void {
    const next = this.#next(assistantId);
    if (removal === 'withdrawn') this.#known.delete(assistantId);
    else this.#known.set(assistantId, { state: 'removed', ...next, removal, uncertain: false });
    this.#emit('removed', { ...next, removal });
  }
  makeUnreadable(assistantId: string): void {
    const next = this.#next(assistantId);
    const key = { state: 'unreadable', ...next, uncertain: false, claimedVersion: next.version } as const;
    this.#known.set(assistantId, key);
    this.#emit('unreadable', key);
  }
  set(freshness: Partial<Freshness>): void {
    this.#freshness = { ...this.#freshness, ...freshness };
  }

  get size(): number {
    return [...this.#known.values()].filter(({ state }) => state === 'held').length;
  }
  current = (assistantId: string) => this.#known.get(assistantId);
  assistantIds = () => this.#known.keys();
  freshness = () => this.#freshness;
  signUserHash = (assistantId: string, userId: string) =>
    this.signUserHashWithVersion(assistantId, userId).userHash;
  signUserHashWithVersion = (assistantId: string, userId: string) => {
    const known = this.#known.get(assistantId);
    if (this.#closed) throw new SubscribeError('CLOSED', 'closed');
    if (known?.state !== 'held') throw new SubscribeError('UNKNOWN_ASSISTANT', 'no key');
    const { secretKey, version, uncertain } = known;
    return { userHash: createHmac('sha256', secretKey).update(userId).digest('hex'), version, uncertain };
  };
  async close(): Promise<void> {
    this.#closed = true;
  }

  #next(assistantId: string, orgId = 'org_1') {
    this.seq += 1;
    return { assistantId, orgId, version: this.seq, updatedAt: UPDATED_AT };
  }
  #emit<E extends keyof KeysEvents>(event: E, ...args: KeysEvents[E]): void {
    (this as EventEmitter).emit(event, ...args);
    this.#acknowledge();
  }
  /** One run at a time, and again after a failure, as the subscriber does. */
  #acknowledge(): void {
    const before = this.options?.beforeAcknowledge;
    if (!before || this.#isRunning || this.#closed) return;
    this.#isRunning = true;
    const seq = this.seq;
    before({ position: `${seq}-0`, seq }).then(
      () => {
        this.acknowledged = seq;
        this.lastFailure = undefined;
        this.#isRunning = false;
        if (this.seq > seq) this.#acknowledge();
      },
      (error: Error) => {
        this.lastFailure = error.message;
        this.#isRunning = false;
        setTimeout(() => this.#acknowledge(), 20);
      },
    );
  }
}

export const createFakeKeys = (): FakeKeys => new Fake();
