import { setRedisTime } from '../src/shared/simulated-redis-fixture.ts';
import {
  ASSISTANTS,
  BrokenPromise,
  START_MS,
  promises,
  type AcceptedRotation,
  type Action,
  type Operation,
  type Process,
  type WorldOptions,
} from './terms.ts';
import { Upstream } from './upstream.ts';

/** How often each kind of intervention has happened. */
interface Tally {
  byHand: number;
  restored: number;
  waves: number;
  killed: number;
  stopped: number;
}

/** The state of a history that is played, and what was said about it. */
export class WorldState {
  readonly upstream = new Upstream(ASSISTANTS);
  readonly rotations: AcceptedRotation[] = [];
  readonly steps: string[] = [];
  readonly options: WorldOptions;
  faults = 0;
  workerReads = 0;
  nowMs = START_MS;
  operations: Operation[] = [];
  broken: unknown;
  /** No more faults: everything comes to rest. */
  calm = false;
  /** Until then Invent answers reads for another org, or with 404. */
  waveUntilMs = Number.NEGATIVE_INFINITY;
  readonly tally: Tally = { byHand: 0, restored: 0, waves: 0, killed: 0, stopped: 0 };
  readonly started = new Map<string, number>();
  workers: Process[] = [];
  sweeper!: Process;
  checker!: Process;
  private readonly removed = new Set<string>();

  constructor(options: WorldOptions) {
    this.options = options;
  }

  /** Whether a rotation may be FAILED: only a 404 does that. */
  get mayFail(): boolean {
    return this.tally.waves > 0;
  }

  noteRemoved(assistantId: string): void {
    if (!this.options.swapped) this.fail(promises.lives, assistantId);
    this.removed.add(assistantId);
    if (this.removed.size === ASSISTANTS.length) this.fail(promises.braked, [...this.removed].join());
  }

  fail(promise: string, detail: string): never {
    throw new BrokenPromise(promise, detail, this.steps);
  }

  say(text: string): void {
    this.steps.push(`${this.calm ? 'calm ' : ''}${String(this.nowMs - START_MS).padStart(5)} ms  ${text}`);
  }

  /** Adds to what was said last. */
  add(text: string): void {
    this.steps[this.steps.length - 1] += ` → ${text}`;
  }

  /** One step of a process. `outcomes` returns what may become of it now. */
  wait<T>(
    process: Process,
    outcomes: (finish: (value: T) => void, operation: Operation) => Action[],
    { dueMs = 0, inPassing = false } = {},
  ): Promise<T> {
    return new Promise((resolve) => {
      const operation: Operation = { process, dueMs, outcomes: () => outcomes(finish, operation) };
      const finish = (value: T) => {
        this.operations.splice(this.operations.indexOf(operation), 1);
        resolve(value);
      };
      if (inPassing) operation.inPassing = true;
      this.operations.push(operation);
    });
  }

  async passTo(toMs: number): Promise<void> {
    if (this.calm) {
      // A lost POST lands as late as it can.
      for (const post of this.upstream.late.filter(
        ({ over, landsBeforeMs }) => !over && landsBeforeMs <= toMs && landsBeforeMs > this.nowMs,
      )) {
        const landsMs = post.landsBeforeMs - 1;
        this.nowMs = Math.max(this.nowMs, landsMs);
        this.say(`upstream: the lost POST of ${post.rotationId} lands`);
        this.upstream.land(post, this.nowMs);
      }
    }
    this.nowMs = toMs;
    await setRedisTime(this.options.redis, toMs);
  }
}
