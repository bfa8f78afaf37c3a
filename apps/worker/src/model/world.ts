import type { InventClient, ListOutcome, ReadOutcome, RotateOutcome } from '@rekey/invent';
import type { Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { isEnded, noSweepCounts, type RotationJob } from '@rekey/schema';
import type { Sealer } from '@rekey/sealing';
import type { Redis } from 'ioredis';
import { checkAssistant } from '../check-assistant.ts';
import type { Clock } from '../clock.ts';
import type { Meter } from '../meter.ts';
import { createPublisher } from '../publisher.ts';
import { rotateSecretKey, type RotateTiming } from '../rotate-secret-key.ts';
import { SweepFailure, sweep } from '../sweep.ts';
import { setRedisTime } from './simulated-redis.ts';
import { Upstream, type Post } from './upstream.ts';

/** In simulated ms: as small as can be told apart. */
export const timing: RotateTiming = {
  sendWithinMs: 10, requestTimeoutMs: 20, leaseMarginMs: 10, landingWindowMs: 60, readLagMs: 5, freshForMs: 200, retryForMs: 1e9,
};
const LEASE_MS = timing.sendWithinMs + timing.requestTimeoutMs + timing.leaseMarginMs;
const WINDOW_MS = timing.sendWithinMs + timing.landingWindowMs + timing.readLagMs;
const ADVANCES_MS = [1, timing.readLagMs, LEASE_MS, WINDOW_MS, 3 * timing.freshForMs];
const MAX_OPEN_INTENTS = 3;
const CHECK_TAKEOVER_MS = 50;
const CHECK_AGAIN_MS = 10;
const MAX_ROTATIONS = 3;
const MAX_BY_HAND = 3;
const MAX_CALM_STEPS = 3000;
const START_MS = 1_800_000_000_000;

const ORG = 'org';
/** An alias of the org. */
const ALIAS = 'c';
const ASSISTANTS = ['a', 'b'];

export interface WorldOptions {
  redis: Redis;
  ledger: Ledger;
  sealer: Sealer;
  /** Whether somebody rotates by hand, and sweeps look for it. Without either, rotations alone keep what is published true. */
  byHand: boolean;
  /** Whether anything goes wrong. */
  faults: boolean;
  /** A planted bug: the client sends a POST however old it is. */
  sendsTooLate?: boolean;
}

/** One thing that may happen next. */
interface Action {
  text: string;
  weight: number;
  /** It goes wrong, or somebody else meddles. */
  fault?: boolean;
  run(): unknown;
}

/** A step that a process waits for. What may become of it; the first is that all goes well. */
interface Operation {
  process: Process;
  /** Not before, by the simulated time. */
  dueMs?: number;
  /** Of a POST that has left. */
  post?: Post;
  outcomes(): Action[];
}

interface Process {
  name: string;
  alive: boolean;
  /** SIGSTOP. */
  paused: boolean;
  /** What it is busy with. */
  task?: string;
  clock: Clock;
  ledger: Ledger;
  invent: InventClient;
}

export interface AcceptedRotation extends RotationJob {
  /** The highest number on the stream when it was accepted. */
  seqBefore: number;
  /** Redis time of its intents. */
  intentsMs: number[];
  posts: number;
  dueMs: number;
}

/** A promise that the protocol broke, and how it came to that. */
export class BrokenPromise extends Error {
  readonly promise: string;
  readonly steps: string[];
  constructor(promise: string, detail: string, steps: string[]) {
    super(`${promise}: ${detail}\n${steps.join('\n')}`);
    this.name = 'BrokenPromise';
    this.promise = promise;
    this.steps = steps;
  }
}

const silent = () => {};
const logger = { debug: silent, info: silent, warn: silent, error: silent } as unknown as Logger;
const meter: Meter = { rotated: silent, unknown: silent, read: silent, published: silent, staleRead: silent, swept: silent };
const microtasks = () => new Promise((resolve) => setImmediate(resolve));

/**
 * Two workers, a sweeper and a checker, all running the worker's own code; the ledger's own commands on a real Redis; an upstream, a
 * network and a clock that are simulated. Nothing happens by itself: whatever a process waits for is an operation, and the driver
 * picks what becomes of which. A history is a pure function of the choices.
 */
export class World {
  readonly upstream = new Upstream(ASSISTANTS);
  readonly rotations: AcceptedRotation[] = [];
  readonly steps: string[] = [];
  faults = 0;
  workerReads = 0;
  readonly options: WorldOptions;
  private nowMs = START_MS;
  private operations: Operation[] = [];
  private broken: unknown;
  private calm = false;
  private byHand = 0;
  private readonly started = new Map<string, number>();
  private readonly workers: Process[];
  private sweeper: Process;
  private checker: Process;

  constructor(options: WorldOptions) {
    this.options = options;
    this.workers = ['w1', 'w2'].map((name) => this.start(name));
    this.sweeper = this.start('sweeper');
    this.checker = this.start('checker');
  }

  /** Begins with `a` published and `b` never seen. Plays the choices, then lets everything come to rest. */
  async play(choices: number[]): Promise<void> {
    await this.options.redis.flushdb();
    await setRedisTime(this.options.redis, this.nowMs);
    await this.importFirst();
    for (const choice of choices) await this.take(pick(this.actions(), choice));
    await this.comeToRest();
  }

  fail(promise: string, detail: string): never {
    throw new BrokenPromise(promise, detail, this.steps);
  }

  private async importFirst(): Promise<void> {
    const { ledger } = this.options;
    const looked = await ledger.look({ orgId: ORG, assistantId: 'a' });
    if (looked.kind !== 'look') throw new Error('nothing can hold it yet');
    const publisher = createPublisher({ ledger, sealer: this.options.sealer, logger, clock: this.sweeper.clock, meter });
    const anchor = { redisMs: this.nowMs, clockMs: this.sweeper.clock.nowMs() };
    const record = this.upstream.record('a', 0);
    await publisher.publish(looked.hold, anchor, { finding: { record, secretKey: record.secretKey }, cause: 'import', rotation: 'goes-on', read: { beganMs: this.nowMs, lagMs: timing.readLagMs } });
  }

  private async take(action: Action | undefined): Promise<void> {
    if (!action) return;
    if (action.fault) this.faults += 1;
    this.say(action.text);
    await action.run();
    await microtasks();
    if (this.broken !== undefined) throw this.broken;
  }

  private say(text: string): void {
    this.steps.push(`${this.calm ? 'calm ' : ''}${String(this.nowMs - START_MS).padStart(5)} ms  ${text}`);
  }

  /** Adds to what was said last. */
  private add(text: string): void {
    this.steps[this.steps.length - 1] += ` → ${text}`;
  }

  // ---------------------------------------------------------------------------------------------------------- what may happen

  /** In a fixed order, what is harmless first, so that shrinking goes there. */
  private actions(): Action[] {
    const outcomes = this.operations.filter(({ process, dueMs = 0 }) => !process.paused && dueMs <= this.nowMs).map((operation) => operation.outcomes());
    const all = [
      ...outcomes.flatMap(([well]) => (well ? [well] : [])),
      ...this.deliveries(),
      ...this.requests(),
      ...this.chores(),
      ...ADVANCES_MS.map((ms) => this.advance(ms)),
      ...outcomes.flatMap(([, ...badly]) => badly),
      ...this.latePosts(),
      ...this.handRotations(),
      ...this.mishaps(),
    ];
    return this.options.faults ? all : all.filter(({ fault }) => !fault);
  }

  /** An open rotation may be delivered to any worker that is free, again and again, also while another has it. */
  private deliveries(): Action[] {
    const free = this.workers.find(({ task, paused }) => task === undefined && !paused);
    if (!free) return [];
    return this.rotations
      .filter(({ dueMs }) => dueMs < Number.POSITIVE_INFINITY)
      .map((rotation) => ({ text: `${rotation.rotationId} is delivered to ${free.name}`, weight: 6, run: () => this.deliver(free, rotation) }));
  }

  private requests(): Action[] {
    if (this.rotations.length === MAX_ROTATIONS) return [];
    return [['a', ORG], ['a', ALIAS], ['b', ORG]].map(([assistantId, orgId]) => ({
      text: `a rotation of ${assistantId} is asked for under ${orgId}`,
      weight: 2,
      run: async () => {
        const rotationId = `rot_${this.rotations.length + 1}`;
        const seqBefore = Number(await this.options.redis.get(this.options.ledger.keys.seq));
        const { created, rotation } = await this.options.ledger.accept(rotationId, { orgId: orgId!, assistantId: assistantId!, reason: '' });
        this.add(created ? rotationId : `${rotation.id} is still queued`);
        if (created) this.rotations.push({ rotationId, orgId: orgId!, assistantId: assistantId!, seqBefore, intentsMs: [], posts: 0, dueMs: 0 });
      },
    }));
  }

  private chores(): Action[] {
    return [
      ...(this.sweeper.task === undefined && this.options.byHand ? [{ text: 'a sweep begins', weight: 2, run: () => this.sweep() }] : []),
      ...(this.checker.task === undefined ? [{ text: 'the checker looks for what is due', weight: 1, run: () => this.check() }] : []),
    ];
  }

  /** Time that passes while a worker waits is a fault: everything takes no time otherwise. */
  private advance(ms: number): Action {
    const fault = this.operations.some(({ process }) => this.workers.includes(process));
    return { text: `${ms} ms pass`, weight: ms > WINDOW_MS ? 1 : 2, fault, run: () => this.passTo(this.nowMs + ms) };
  }

  private latePosts(): Action[] {
    return this.upstream.late
      .filter((post) => this.upstream.canLand(post, this.nowMs))
      .map((post) => ({ text: `upstream: the lost POST of ${post.rotationId} lands`, weight: 3, fault: true, run: () => this.upstream.land(post, this.nowMs) }));
  }

  private handRotations(): Action[] {
    if (!this.options.byHand || this.byHand === MAX_BY_HAND) return [];
    return ASSISTANTS.map((id) => ({
      text: `upstream: somebody rotates ${id} by hand`,
      weight: 1,
      fault: true,
      run: () => {
        this.byHand += 1;
        this.upstream.rotate(id, this.nowMs, 'hand');
      },
    }));
  }

  private mishaps(): Action[] {
    const processes = [...this.workers, this.checker].filter(({ task }) => task !== undefined);
    return [
      ...processes.map((process) => ({ text: `${process.name} is killed`, weight: 1, fault: true, run: () => this.kill(process) })),
      ...processes.map((process) => ({
        text: `${process.name} ${process.paused ? 'goes on' : 'is stopped'}`,
        weight: process.paused ? 4 : 1,
        fault: !process.paused,
        run: () => {
          process.paused = !process.paused;
        },
      })),
    ];
  }

  private async passTo(toMs: number): Promise<void> {
    if (this.calm) {
      // What was lost lands as late as it can.
      for (const post of this.upstream.late.filter(({ over, landsBeforeMs }) => !over && landsBeforeMs <= toMs && landsBeforeMs > this.nowMs)) {
        const landsMs = post.landsBeforeMs - 1;
        this.nowMs = Math.max(this.nowMs, landsMs);
        this.say(`upstream: the lost POST of ${post.rotationId} lands`);
        this.upstream.land(post, this.nowMs);
      }
    }
    this.nowMs = toMs;
    await setRedisTime(this.options.redis, toMs);
  }

  private kill(process: Process): void {
    process.alive = false;
    for (const { process: owner, post } of this.operations) if (owner === process && post && !post.over) this.upstream.late.push(post);
    this.operations = this.operations.filter((operation) => operation.process !== process);
    const slot = this.workers.indexOf(process);
    if (slot === -1) this.checker = this.start('checker');
    else this.workers[slot] = this.start(process.name.slice(0, 2));
  }

  // ------------------------------------------------------------------------------------------------------------ coming to rest

  /** No more faults. Everybody goes on, what is open is delivered when it is due, and at last there is a sweep. */
  private async comeToRest(): Promise<void> {
    this.calm = true;
    for (const process of [...this.workers, this.checker]) process.paused = false;
    let swept = !this.options.byHand;
    for (let steps = 0; steps < MAX_CALM_STEPS; steps += 1) {
      const next = await this.nextInCalm(swept);
      if (!next) return;
      if (next.text === SWEEP) swept = true;
      await this.take(next);
    }
    this.fail('everything comes to rest', `not within ${MAX_CALM_STEPS} steps`);
  }

  private async nextInCalm(swept: boolean): Promise<Action | undefined> {
    const operation = this.operations.find(({ dueMs = 0 }) => dueMs <= this.nowMs);
    if (operation) return operation.outcomes()[0];
    const { ledger, redis } = this.options;
    const open: AcceptedRotation[] = [];
    for (const rotation of this.rotations) if (!isEnded((await ledger.get(rotation.rotationId)).state)) open.push(rotation);
    // One whose delivery ended too early is found by housekeeping.
    for (const rotation of open) if (rotation.dueMs === Number.POSITIVE_INFINITY) rotation.dueMs = this.nowMs;
    const due = open.find(({ dueMs }) => dueMs <= this.nowMs);
    const free = this.workers.find(({ task }) => task === undefined);
    if (due && free) return { text: `${due.rotationId} is delivered to ${free.name}`, weight: 1, run: () => this.deliver(free, due) };
    const checks = (await redis.zrange(ledger.keys.checks, 0, -1, 'WITHSCORES')).flatMap((text, i) => (i % 2 === 1 ? [Number(text)] : []));
    if (this.checker.task === undefined && checks.some((dueMs) => dueMs <= this.nowMs)) return { text: 'the checker looks for what is due', weight: 1, run: () => this.check() };
    const late = this.upstream.late.filter((post) => this.upstream.canLand(post, this.nowMs)).map(({ landsBeforeMs }) => landsBeforeMs);
    const moments = [...open.map(({ dueMs }) => dueMs), ...checks, ...late, ...this.operations.map(({ dueMs = 0 }) => dueMs)].filter((ms) => ms > this.nowMs);
    if (moments.length > 0) {
      const nextMs = Math.ceil(Math.min(...moments));
      return { text: `${nextMs - this.nowMs} ms pass`, weight: 1, run: () => this.passTo(nextMs) };
    }
    if (!swept) return { text: SWEEP, weight: 1, run: () => this.sweep() };
    return undefined;
  }

  // ------------------------------------------------------------------------------------------------------------- what runs

  private deliver(worker: Process, rotation: AcceptedRotation): void {
    const rotate = rotateSecretKey({
      ...this.common(worker),
      timing,
      maxOpenIntents: MAX_OPEN_INTENTS,
      holdBack: () => undefined,
      confirmDurable: async () => true,
      stopping: new AbortController().signal,
    });
    const { rotationId, orgId, assistantId } = rotation;
    this.run(worker, rotationId, async () => {
      let step = await rotate({ rotationId, orgId, assistantId });
      while (step.kind === 'again' && step.inMs === 0) step = await rotate({ rotationId, orgId, assistantId });
      if (step.kind === 'stray') this.fail('every rotation accepted has ended', `${rotationId} is not in the ledger`);
      rotation.dueMs = step.kind === 'again' ? this.nowMs + step.inMs : Number.POSITIVE_INFINITY;
      this.say(`${worker.name}: ${step.kind === 'again' ? `${rotationId} again in ${step.inMs} ms` : `${rotationId} is done`}`);
    });
  }

  private sweep(): void {
    const { sweeper } = this;
    const run = sweep({ ...this.common(sweeper), check: checkAssistant(this.common(sweeper)), configuredOrgs: () => [ORG] });
    this.run(sweeper, 'sweep', async () => {
      const counts = { ...noSweepCounts };
      try {
        await run(undefined, counts, async () => {});
      } catch (error) {
        if (!(error instanceof SweepFailure)) throw error;
        this.say(`the sweep failed: ${error.code}`);
        if (this.calm) throw error;
      }
    });
  }

  /** What startDueChecks does in a round, for one check. */
  private check(): void {
    const { checker } = this;
    const check = checkAssistant(this.common(checker));
    this.run(checker, 'checks', async () => {
      const [due] = await checker.ledger.drawChecks(1, CHECK_TAKEOVER_MS);
      if (!due) return;
      const result = await check(due);
      this.say(`checker: ${due.assistantId} ${result.kind}`);
      const again = result.kind === 'held' || result.kind === 'doubted' || result.kind === 'stale' ? result.retryInMs : result.kind === 'unreadable' ? CHECK_AGAIN_MS : undefined;
      await checker.ledger.endCheck(due, again);
    });
  }

  private run(process: Process, task: string, work: () => Promise<void>): void {
    process.task = task;
    void work()
      .catch((error: unknown) => {
        this.broken ??= error;
      })
      .finally(() => delete process.task);
  }

  private common(process: Process) {
    const { ledger, invent, clock } = process;
    const publisher = createPublisher({ ledger, sealer: this.options.sealer, logger, clock, meter });
    return { ledger, invent, clock, publisher, logger, meter, readLagMs: timing.readLagMs };
  }

  // -------------------------------------------------------------------------------------------------- processes and their doors

  private start(slot: string): Process {
    const count = (this.started.get(slot) ?? 0) + 1;
    this.started.set(slot, count);
    const bootMs = this.nowMs - 7 * count;
    const process = { name: count === 1 ? slot : `${slot}.${count}`, alive: true, paused: false } as Process;
    process.clock = {
      nowMs: () => this.nowMs - bootMs,
      sleep: (ms) => new Promise((resolve) => {
        const dueMs = Math.ceil(this.nowMs + ms);
        this.begin({ process, dueMs, outcomes: () => [this.well(process, 'has slept', (operation) => this.end(operation, resolve, undefined))] });
      }),
    };
    process.ledger = this.ledgerOf(process);
    process.invent = this.inventOf(process);
    return process;
  }

  private begin(operation: Operation): void {
    // A process that was killed has no more steps; nothing can still run in it, but for what was on its way in this tick.
    if (operation.process.alive) this.operations.push(operation);
  }

  private end<T>(operation: Operation, resolve: (value: T) => void, value: T): void {
    this.operations.splice(this.operations.indexOf(operation), 1);
    resolve(value);
  }

  private outcome(process: Process, text: string, weight: number, run: (operation: Operation) => unknown, fault = true): Action & { bind(operation: Operation): Action } {
    const action = { text: `${process.name}: ${text}`, weight, fault };
    return { ...action, run: () => {}, bind: (operation) => ({ ...action, run: () => run(operation) }) };
  }

  private well(process: Process, text: string, run: (operation: Operation) => unknown) {
    return this.outcome(process, text, 8, run, false);
  }
}

const SWEEP = 'the last sweep begins';

const pick = (actions: Action[], choice: number): Action | undefined => {
  const total = actions.reduce((sum, { weight }) => sum + weight, 0);
  let rest = total === 0 ? 0 : choice % total;
  return actions.find(({ weight }) => (rest -= weight) < 0);
};
