import type { InventClient, ListOutcome, ReadOutcome, RotateOutcome } from '@rekey/invent';
import type { Ledger } from '@rekey/ledger';
import { silentLogger as logger } from '../src/shared/logger-fixture.ts';
import { noSweepCounts, type RotationJob } from '@rekey/schema';
import type { Sealer } from '@rekey/sealing';
import type { Redis } from 'ioredis';
import { checkAssistant } from '../src/verification/checks/check-assistant.ts';
import type { Clock } from '../src/shared/clock.ts';
import type { Meter } from '../src/metrics/meter.ts';
import { createPacer } from '../src/shared/pacer.ts';
import { createPublisher } from '../src/publishing/publisher.ts';
import { noRecipients } from '../src/publishing/sealing-fixture.ts';
import { rotateSecretKey } from '../src/rotation/rotate-secret-key.ts';
import type { RotateTiming } from '../src/rotation/timing.ts';
import { setRedisTime } from '../src/shared/simulated-redis-fixture.ts';
import { SweepFailure } from '../src/verification/sweep-failure.ts';
import { sweep } from '../src/verification/sweep/sweep.ts';
import type { History } from './histories.ts';
import { Upstream, type Post } from './upstream.ts';

/** In simulated ms: as small as can be told apart. */
export const timing: RotateTiming = {
  sendWithinMs: 10,
  requestTimeoutMs: 20,
  leaseMarginMs: 10,
  landingWindowMs: 60,
  readLagMs: 5,
  confirmAfterMs: 0,
  retryForMs: 1e9,
};
const LEASE_MS = timing.sendWithinMs + timing.requestTimeoutMs + timing.leaseMarginMs;
const WINDOW_MS = timing.sendWithinMs + timing.landingWindowMs + timing.readLagMs;
const ADVANCES_MS = [1, timing.readLagMs, LEASE_MS, WINDOW_MS, 400];
/**
 * For how long reads have to agree that an assistant is gone, and how long Invent answers 404 by mistake at
 * the most.
 */
export const CONFIRM_AFTER_MS = 40;
const WAVE_MS = 30;
const MAX_OPEN_INTENTS = 3;
const CHECK_TAKEOVER_MS = 50;
const CHECK_AGAIN_MS = 10;
const MAX_ROTATIONS = 3;
const MAX_BY_HAND = 3;
const MAX_RESTORED = 2;
const MAX_KILLED = 2;
const MAX_STOPPED = 2;
const MAX_CALM_STEPS = 500;
const START_MS = 1_800_000_000_000;

const ORG = 'org';
/** An alias of the org. */
const ALIAS = 'c';
const ASSISTANTS = ['a', 'b'];

export interface WorldOptions {
  redis: Redis;
  ledger: Ledger;
  sealer: Sealer;
  /**
   * Whether somebody rotates by hand, and sweeps look for it. Without either, rotations alone keep what is
   * published true.
   */
  byHand: boolean;
  /** Whether anything goes wrong. */
  faults: boolean;
  /**
   * Whether Invent is odd: a backup is restored, a POST is answered with the record of before, all reads are
   * answered with 404 for a while.
   */
  odd?: boolean;
  /**
   * Whether the API key is another org's for a while, longer than reads have to agree: they find none of the
   * assistants.
   */
  swapped?: boolean;
  /** A planted bug: the client sends a POST however old it is. */
  sendsTooLate?: boolean;
}

/** One thing that may happen next. */
interface Action {
  text: string;
  /** What tells it from others, where the text does not. */
  key?: string;
  weight: number;
  /** It goes wrong, or somebody else meddles. */
  fault?: boolean;
  run(): unknown;
}

/** A step that a process waits for. What may become of it; the first is that all goes well. */
interface Operation {
  process: Process;
  /** Not before, by the simulated time. */
  dueMs: number;
  /** It makes no difference when: it takes no choice. */
  inPassing?: boolean;
  /** Of a POST that has left. */
  post?: Post;
  outcomes(): Action[];
}

interface Process {
  name: string;
  slot: string;
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
  /**
   * When it was accepted. Whoever asked later and was answered with it is one more rotation of the same name.
   */
  acceptedMs: number;
  posts: number;
  dueMs: number;
}

/** What the protocol promises, whatever the history. */
export const promises = {
  onePost: 'no two POSTs for one assistant are in flight, or may still land, at the same time',
  rising: 'versions of an assistant rise in the order of the stream, and seq is dense',
  inForce: 'the last published key is the key in force upstream',
  ended: 'every rotation ends, and one that SUCCEEDED names a key that was made for it',
  newer: 'no key is published over a newer one',
  certain: 'who was told that a key is uncertain is told a higher version',
  frugal: 'without a fault, a rotation costs one POST and no reads',
  sound: 'what can be read is never said to be unreadable',
  rest: 'everything comes to rest',
  braked: 'an org does not lose all of its assistants because of reads',
  lives: 'an assistant that lives is not published as gone',
} as const;

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
const meter: Meter = {
  rotated: silent,
  unknown: silent,
  read: silent,
  published: silent,
  staleRead: silent,
  limited: silent,
  swept: silent,
  propagated: silent,
  lag: silent,
};
/** The request budget never gives out: what is looked at is the order of things, and not their pace. */
const unlimited = { take: async () => ({ taken: true }) as const };
const microtasks = () => new Promise((resolve) => setImmediate(resolve));

/**
 * Two workers, a sweeper and a checker, all running the worker's own code; the ledger's own commands on a
 * real Redis; an upstream, a network and a clock that are simulated. Nothing happens by itself: whatever a
 * process waits for is an operation, and the driver picks what becomes of which. A history is a pure function
 * of what was picked.
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
  private restored = 0;
  private waveUntilMs = Number.NEGATIVE_INFINITY;
  private waves = 0;
  private readonly removed = new Set<string>();
  private killed = 0;
  private stopped = 0;
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

  /** Begins with `a` published and `b` never seen. Plays the history, then lets everything come to rest. */
  async play({ choices, script, taken }: History): Promise<void> {
    await this.options.redis.flushdb();
    await setRedisTime(this.options.redis, this.nowMs);
    for (const assistantId of this.options.swapped ? ASSISTANTS : ['a']) await this.importFirst(assistantId);
    for (const step of script ?? choices) {
      const action =
        typeof step === 'string'
          ? this.actions().find((one) => keyOf(one) === step)
          : pick(this.actions(), step);
      // What a script says may not be possible any more.
      if (!action) continue;
      taken.push(keyOf(action));
      await this.take(action);
    }
    await this.comeToRest();
  }

  /** Whether a rotation may be FAILED: only a 404 does that. */
  get mayFail(): boolean {
    return this.waves > 0;
  }

  noteRemoved(assistantId: string): void {
    if (!this.options.swapped) this.fail(promises.lives, assistantId);
    this.removed.add(assistantId);
    if (this.removed.size === ASSISTANTS.length) this.fail(promises.braked, [...this.removed].join());
  }

  fail(promise: string, detail: string): never {
    throw new BrokenPromise(promise, detail, this.steps);
  }

  private async importFirst(assistantId: string): Promise<void> {
    const { ledger } = this.options;
    const looked = await ledger.look({ orgId: ORG, assistantId });
    if (looked.kind !== 'look') throw new Error('nothing can hold it yet');
    const publisher = createPublisher({
      ledger,
      sealer: this.options.sealer,
      recipients: noRecipients,
      logger,
      clock: this.sweeper.clock,
      meter,
    });
    const anchor = { redisMs: this.nowMs, clockMs: this.sweeper.clock.nowMs() };
    const record = this.upstream.record(assistantId, 0);
    await publisher.publish(looked.hold, anchor, {
      finding: { record, secretKey: record.secretKey },
      cause: 'import',
      rotation: 'goes-on',
      read: { beganMs: this.nowMs, lagMs: timing.readLagMs },
    });
  }

  private async take(action: Action): Promise<void> {
    if (action.fault) this.faults += 1;
    this.say(action.text);
    await action.run();
    await microtasks();
    for (let next = this.passing(); next; next = this.passing()) {
      await next.outcomes()[0]!.run();
      await microtasks();
    }
    if (this.broken !== undefined) throw this.broken;
  }

  private passing(): Operation | undefined {
    return this.operations.find(({ inPassing, process }) => inPassing && !process.paused);
  }

  private say(text: string): void {
    this.steps.push(`${this.calm ? 'calm ' : ''}${String(this.nowMs - START_MS).padStart(5)} ms  ${text}`);
  }

  /** Adds to what was said last. */
  private add(text: string): void {
    this.steps[this.steps.length - 1] += ` → ${text}`;
  }

  // ----------------------------------------------------------------------------------------------------------
  // what may happen

  /** In a fixed order, what is harmless first, so that shrinking goes there. */
  private actions(): Action[] {
    const outcomes = this.operations
      .filter(({ process, dueMs }) => !process.paused && dueMs <= this.nowMs)
      .map((operation) => operation.outcomes());
    const all = [
      ...outcomes.flatMap(([well]) => (well ? [well] : [])),
      ...this.deliveries(),
      ...this.requests(),
      ...this.chores(),
      ...ADVANCES_MS.map((ms) => this.advance(ms)),
      ...outcomes.flatMap(([, ...badly]) => badly),
      ...this.latePosts(),
      ...this.handRotations(),
      ...this.oddities(),
      ...this.mishaps(),
    ];
    return this.options.faults ? all : all.filter(({ fault }) => !fault);
  }

  /**
   * An open rotation may be delivered to any worker that is free, again and again, also while another has it.
   */
  private deliveries(): Action[] {
    const free = this.workers.find(({ task, paused }) => task === undefined && !paused);
    if (!free) return [];
    return this.rotations
      .filter(({ dueMs }) => dueMs < Number.POSITIVE_INFINITY)
      .map((rotation) => ({
        text: `${rotation.rotationId} is delivered to ${free.name}`,
        weight: 8,
        run: () => this.deliver(free, rotation),
      }));
  }

  private requests(): Action[] {
    if (this.rotations.length === MAX_ROTATIONS) return [];
    return [
      ['a', ORG],
      ['a', ALIAS],
      ['b', ORG],
    ].map(([assistantId, orgId]) => ({
      text: `a rotation of ${assistantId} is asked for under ${orgId}`,
      weight: assistantId === 'a' ? 3 : 1,
      run: async () => {
        const rotationId = `rot_${this.rotations.length + 1}`;
        const seqBefore = Number(await this.options.redis.get(this.options.ledger.keys.seq));
        const { created, rotation } = await this.options.ledger.accept(rotationId, {
          orgId: orgId!,
          assistantId: assistantId!,
          reason: '',
        });
        this.add(created ? rotationId : `${rotation.id} is still queued`);
        if (created)
          this.rotations.push({
            rotationId,
            orgId: orgId!,
            assistantId: assistantId!,
            seqBefore,
            acceptedMs: this.nowMs,
            posts: 0,
            dueMs: 0,
          });
      },
    }));
  }

  private chores(): Action[] {
    return [
      ...(this.sweeper.task === undefined && this.options.byHand
        ? [{ text: 'a sweep begins', weight: 2, run: () => this.sweep() }]
        : []),
      ...(this.checker.task === undefined
        ? [{ text: 'the checker looks for what is due', weight: 1, run: () => this.check() }]
        : []),
      ...(this.checker.task === undefined && this.options.byHand
        ? (this.options.swapped ? ASSISTANTS : ['a']).map((assistantId) => ({
            text: `a check of ${assistantId} begins`,
            weight: 2,
            run: () => this.check({ orgId: ORG, assistantId }),
          }))
        : []),
    ];
  }

  /** Time that passes while a worker waits is a fault: everything takes no time otherwise. */
  private advance(ms: number): Action {
    const fault = this.operations.some(({ process }) => this.workers.includes(process));
    return {
      text: `${ms} ms pass`,
      key: `pass ${ms}`,
      weight: ms === LEASE_MS || ms === WINDOW_MS ? 2 : 1,
      fault,
      run: () => this.passTo(this.nowMs + ms),
    };
  }

  private latePosts(): Action[] {
    return this.upstream.late
      .filter((post) => this.upstream.canLand(post, this.nowMs))
      .map((post) => ({
        text: `upstream: the lost POST of ${post.rotationId} lands`,
        weight: 3,
        fault: true,
        run: () => this.upstream.land(post, this.nowMs),
      }));
  }

  private handRotations(): Action[] {
    // Where the limit is looked at, two changes by hand are one too many of two assistants.
    if (!this.options.byHand || this.options.swapped || this.byHand === MAX_BY_HAND) return [];
    return ASSISTANTS.map((id) => ({
      text: `upstream: somebody rotates ${id} by hand`,
      weight: id === 'a' ? 2 : 1,
      fault: true,
      run: () => {
        this.byHand += 1;
        this.upstream.rotate(id, this.nowMs, 'hand');
      },
    }));
  }

  private oddities(): Action[] {
    const { odd, swapped } = this.options;
    const wave = (text: string, ms: number): Action => ({
      text,
      weight: 2,
      fault: true,
      run: () => {
        this.waves += 1;
        this.waveUntilMs = this.nowMs + ms;
      },
    });
    return [
      ...(odd && this.restored < MAX_RESTORED
        ? ASSISTANTS.map((id) => ({
            text: `upstream: a backup of ${id} is restored`,
            weight: id === 'a' ? 3 : 1,
            fault: true,
            run: () => {
              this.restored += 1;
              this.upstream.restore(id, this.nowMs);
            },
          }))
        : []),
      ...(odd && this.waves === 0
        ? [wave('upstream: reads are answered with 404 for a while', WAVE_MS)]
        : []),
      ...(swapped && this.waves === 0
        ? [wave('upstream: the API key is of another org', 1000 * CONFIRM_AFTER_MS)]
        : []),
    ];
  }

  private mishaps(): Action[] {
    const busy = [...this.workers, this.checker].filter(({ task }) => task !== undefined);
    const kill = (process: Process): Action => ({
      text: `${process.name} is killed`,
      weight: 2,
      fault: true,
      run: () => this.kill(process),
    });
    const stop = (process: Process): Action => ({
      text: `${process.name} is stopped`,
      weight: 2,
      fault: true,
      run: () => {
        this.stopped += 1;
        process.paused = true;
      },
    });
    const goOn = (process: Process): Action => ({
      text: `${process.name} goes on`,
      weight: 2,
      run: () => {
        process.paused = false;
      },
    });
    return [
      ...busy.filter(({ paused }) => paused).map(goOn),
      ...(this.killed < MAX_KILLED ? busy.map(kill) : []),
      ...(this.stopped < MAX_STOPPED ? busy.filter(({ paused }) => !paused).map(stop) : []),
    ];
  }

  private async passTo(toMs: number): Promise<void> {
    if (this.calm) {
      // What was lost lands as late as it can.
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

  private kill(process: Process): void {
    this.killed += 1;
    for (const { process: owner, post } of this.operations)
      if (owner === process && post && !post.over) this.upstream.late.push(post);
    this.operations = this.operations.filter((operation) => operation.process !== process);
    const slot = this.workers.indexOf(process);
    if (slot === -1) this.checker = this.start('checker');
    else this.workers[slot] = this.start(process.slot);
  }

  // ------------------------------------------------------------------------------------------------------------
  // coming to rest

  /**
   * No more faults. Everybody goes on, what is open is delivered when it is due, and at last there is a
   * sweep.
   */
  private async comeToRest(): Promise<void> {
    this.calm = true;
    this.waveUntilMs = Number.NEGATIVE_INFINITY;
    for (const process of [...this.workers, this.checker]) process.paused = false;
    let swept = !this.options.byHand;
    for (let steps = 0; steps < MAX_CALM_STEPS; steps += 1) {
      const next = await this.nextInCalm(swept);
      if (!next) return;
      if (next.text === SWEEP) swept = true;
      await this.take(next);
    }
    this.fail(promises.rest, `not within ${MAX_CALM_STEPS} steps`);
  }

  /** The rotations that are open, and when checks are due. */
  private async openAndChecks(): Promise<[string[], number[]]> {
    const {
      redis,
      ledger: { keys },
    } = this.options;
    const [open, ...checks] = (await redis
      .pipeline()
      .zrange(keys.rotations('open'), '0', '-1')
      .zrange(keys.checks, '0', '-1', 'WITHSCORES')
      .zrange(keys.slowChecks, '0', '-1', 'WITHSCORES')
      .exec())!;
    return [
      open![1] as string[],
      checks.flatMap(([, members]) => (members as string[]).filter((_text, i) => i % 2 === 1).map(Number)),
    ];
  }

  private async nextInCalm(swept: boolean): Promise<Action | undefined> {
    const operation = this.operations.find(({ dueMs }) => dueMs <= this.nowMs);
    if (operation) return operation.outcomes()[0];
    const [openIds, checks] = await this.openAndChecks();
    const open = this.rotations.filter(({ rotationId }) => openIds.includes(rotationId));
    // One whose delivery ended too early is found by housekeeping.
    for (const rotation of open) if (rotation.dueMs === Number.POSITIVE_INFINITY) rotation.dueMs = this.nowMs;
    const due = open.find(({ dueMs }) => dueMs <= this.nowMs);
    const free = this.workers.find(({ task }) => task === undefined);
    if (due && free)
      return {
        text: `${due.rotationId} is delivered to ${free.name}`,
        weight: 1,
        run: () => this.deliver(free, due),
      };
    if (this.checker.task === undefined && checks.some((dueMs) => dueMs <= this.nowMs))
      return { text: 'the checker looks for what is due', weight: 1, run: () => this.check() };
    const late = this.upstream.late
      .filter((post) => this.upstream.canLand(post, this.nowMs))
      .map(({ landsBeforeMs }) => landsBeforeMs);
    const moments = [
      ...open.map(({ dueMs }) => dueMs),
      ...checks,
      ...late,
      ...this.operations.map(({ dueMs }) => dueMs),
    ].filter((ms) => ms > this.nowMs);
    if (moments.length > 0) {
      const nextMs = Math.ceil(Math.min(...moments));
      return { text: `${nextMs - this.nowMs} ms pass`, weight: 1, run: () => this.passTo(nextMs) };
    }
    if (!swept) return { text: SWEEP, weight: 1, run: () => this.sweep() };
    return undefined;
  }

  // -------------------------------------------------------------------------------------------------------------
  // what runs

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
      let step = await rotate({ rotationId, orgId, assistantId }, 'first');
      while (step.kind === 'retry' && step.inMs === 0)
        step = await rotate({ rotationId, orgId, assistantId }, 'redelivery');
      if (step.kind === 'missing') this.fail(promises.ended, `${rotationId} is not in the ledger`);
      rotation.dueMs = step.kind === 'retry' ? this.nowMs + step.inMs : Number.POSITIVE_INFINITY;
      this.say(
        `${worker.name}: ${step.kind === 'retry' ? `${rotationId} again in ${step.inMs} ms` : `${rotationId} is done`}`,
      );
    });
  }

  private sweep(): void {
    const { sweeper, calm: isLast } = this;
    const run = sweep({
      ...this.common(sweeper),
      check: checkAssistant(this.common(sweeper)),
      configuredOrgs: () => [ORG],
    });
    this.run(sweeper, 'sweep', async () => {
      const counts = { ...noSweepCounts };
      try {
        await run(undefined, counts, async () => {});
      } catch (error) {
        if (!(error instanceof SweepFailure)) throw error;
        this.say(`the sweep failed: ${error.code}`);
        if (isLast) throw error;
      }
    });
  }

  /** What startDueChecks does in a round, for one check; or a check by itself, as a sweep makes it. */
  private check(target?: { orgId: string; assistantId: string }): void {
    const { checker } = this;
    const check = checkAssistant(this.common(checker));
    this.run(checker, 'checks', async () => {
      const draw = async (slow: boolean) =>
        (await checker.ledger.drawChecks(1, CHECK_TAKEOVER_MS, { slow }))[0];
      const due = target ? undefined : ((await draw(false)) ?? (await draw(true)));
      if (!target && !due) return;
      const result = await check(target ?? due!);
      this.say(`${checker.name}: ${result.kind}`);
      if (!due) return;
      const again =
        'retryInMs' in result
          ? result.retryInMs
          : result.kind === 'unreadable' || result.kind === 'withheld'
            ? CHECK_AGAIN_MS
            : undefined;
      await checker.ledger.endCheck(due, again === undefined ? undefined : { inMs: again, slow: due.slow });
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
    // Opening takes more than one turn of the event loop: the driver has to know of it.
    const open: Sealer['open'] = (jwe) =>
      this.wait(
        process,
        (finish) => [well('a record is opened', async () => finish(await this.options.sealer.open(jwe)))],
        { inPassing: true },
      );
    const publisher = createPublisher({
      ledger,
      sealer: { ...this.options.sealer, open },
      recipients: noRecipients,
      logger,
      clock,
      meter,
    });
    return {
      ledger,
      invent,
      clock,
      publisher,
      logger,
      meter,
      pacer: createPacer({ budget: unlimited, clock, slotKeepsMs: Infinity }),
      readLagMs: timing.readLagMs,
    };
  }

  // --------------------------------------------------------------------------------------------------
  // processes and their doors

  private start(slot: string): Process {
    const count = (this.started.get(slot) ?? 0) + 1;
    this.started.set(slot, count);
    const bootMs = this.nowMs - 7 * count;
    const process = { name: count === 1 ? slot : `${slot}.${count}`, slot, paused: false } as Process;
    process.clock = {
      nowMs: () => this.nowMs - bootMs,
      sleep: (ms) =>
        this.wait<void>(process, (finish) => [well(`${process.name}: has slept`, () => finish())], {
          dueMs: Math.ceil(this.nowMs + ms),
        }),
    };
    process.ledger = new Proxy(this.options.ledger, {
      get: (ledger, name) => {
        const member: unknown = Reflect.get(ledger, name);
        return typeof member === 'function'
          ? (...args: unknown[]) =>
              this.command(process, String(name), args, () => Reflect.apply(member, ledger, args))
          : member;
      },
    });
    process.invent = {
      rotateSecretKey: (target, { sendBeforeMs = 0 } = {}) =>
        this.post(process, target as RotationJob, sendBeforeMs),
      getAssistant: ({ assistantId }) => this.read(process, assistantId),
      listAssistants: () => this.list(process),
      close: async () => {},
    };
    return process;
  }

  /** One step of a process. `outcomes` says what may become of it now. */
  private wait<T>(
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

  /**
   * One command of the ledger, which is one step in Redis. ioredis sends it again where its connection breaks
   * before the answer.
   */
  private command(
    process: Process,
    name: string,
    args: unknown[],
    run: () => Promise<unknown>,
  ): Promise<unknown> {
    const text = `${process.name}: ${name}${this.brief(args, GIVEN)}`;
    let answer: { value: unknown } | undefined;
    let resent = false;
    if (IN_PASSING.has(name))
      return this.wait(process, (finish) => [well(text, async () => finish(await run()))], {
        inPassing: true,
      });
    const execute = async () => {
      const value = await run();
      this.add(name === 'currents' ? 'read' : this.brief([value], ANSWERED).trim());
      this.note(name, args);
      return value;
    };
    return this.wait(process, (finish) => {
      if (answer)
        return [well(`${process.name}: the answer to ${name} arrives`, () => finish(answer!.value))];
      const more = [
        badly(1, `${text}, and its answer takes its time`, async () => {
          answer = { value: await execute() };
        }),
        badly(1, `${text}, and its answer is lost, so that it is sent again`, async () => {
          await execute();
          resent = true;
        }),
      ];
      return [well(text, async () => finish(await execute())), ...(resent ? more.slice(0, 1) : more)];
    });
  }

  private note(name: string, args: unknown[]): void {
    if (name === 'quarantine') this.fail(promises.sound, String(args[1]));
  }

  private post(
    process: Process,
    { assistantId, rotationId }: RotationJob,
    sendBeforeMs: number,
  ): Promise<RotateOutcome> {
    const { upstream } = this;
    const text = `${process.name}: its POST of ${rotationId}`;
    let post: Post | undefined;
    return this.wait<RotateOutcome>(process, (finish, operation) => {
      if (!post) {
        return [
          well(`${text} leaves`, () => {
            if (process.clock.nowMs() > sendBeforeMs && !this.options.sendsTooLate) {
              this.add('too old, not sent');
              return finish({
                outcome: 'not-done',
                code: 'SENT_TOO_LATE',
                retry: true,
                reason: 'too old to be sent',
              });
            }
            post = this.send(assistantId, rotationId);
            operation.post = post;
          }),
          badly(1, `${text} finds no connection`, () =>
            finish({ outcome: 'not-done', code: 'UPSTREAM_UNREACHABLE', retry: true, reason: 'refused' }),
          ),
        ];
      }
      const sent = post;
      const gone = () => {
        sent.over = true;
      };
      const unknown: RotateOutcome = { outcome: 'unknown', reason: 'the answer was lost' };
      if (!upstream.canLand(sent, this.nowMs)) return [badly(8, `${text} is lost`, () => finish(unknown))];
      return [
        well(`${text} lands, and is answered`, () => {
          upstream.land(sent, this.nowMs);
          finish({ outcome: 'done', record: upstream.newest(assistantId) });
        }),
        // A key that nobody has read yet cannot be told from a new one.
        ...(this.options.odd && assistantId === 'a' && !upstream.isByHand('a')
          ? [
              badly(2, `${text} lands, and is answered with the record of before`, () => {
                const before = upstream.newest(assistantId);
                upstream.land(sent, this.nowMs);
                finish({ outcome: 'done', record: before });
              }),
              badly(2, `${text} is lost for good, and is answered with the record of before`, () => {
                gone();
                finish({ outcome: 'done', record: upstream.newest(assistantId) });
              }),
            ]
          : []),
        badly(3, `${text} lands, and its answer is lost`, () => {
          upstream.land(sent, this.nowMs);
          finish(unknown);
        }),
        badly(2, `${text} is lost for good`, () => {
          gone();
          finish(unknown);
        }),
        badly(3, `${text} is lost for now, and may land yet`, () => {
          upstream.late.push(sent);
          finish(unknown);
        }),
        badly(1, `${text} is answered with 429`, () => {
          gone();
          finish({
            outcome: 'not-done',
            code: 'UPSTREAM_RATE_LIMITED',
            retry: true,
            status: 429,
            reason: 'HTTP 429',
          });
        }),
        badly(1, `${text} is answered with 500`, () => {
          gone();
          finish({ outcome: 'unknown', status: 500, reason: 'HTTP 500' });
        }),
      ];
    });
  }

  private send(assistantId: string, rotationId: string): Post {
    const { upstream, nowMs } = this;
    const other = upstream.posts.find(
      (post) => post.assistantId === assistantId && upstream.canLand(post, nowMs),
    );
    if (other)
      this.fail(promises.onePost, `the POST of ${other.rotationId} for ${assistantId} may still land`);
    this.rotations.find((rotation) => rotation.rotationId === rotationId)!.posts += 1;
    const post = { assistantId, rotationId, landsBeforeMs: nowMs + timing.landingWindowMs, over: false };
    upstream.posts.push(post);
    return post;
  }

  private read(process: Process, assistantId: string): Promise<ReadOutcome> {
    const sinceMs = this.nowMs - timing.readLagMs;
    if (this.workers.includes(process)) this.workerReads += 1;
    const gone = this.nowMs < this.waveUntilMs;
    return this.wait<ReadOutcome>(process, (finish) => [
      ...(gone
        ? [
            badly(8, `${process.name}: its GET of ${assistantId} is answered with 404`, () =>
              finish({ outcome: 'not-read', code: 'ASSISTANT_NOT_FOUND', status: 404, reason: 'HTTP 404' }),
            ),
          ]
        : []),
      ...this.upstream.shown(assistantId, sinceMs).map((age, i) => {
        const run = () => finish({ outcome: 'read', record: this.upstream.record(assistantId, age) });
        const text = `${process.name}: its GET shows ${assistantId}-${age}`;
        return i === 0 ? well(text, run) : badly(5, text, run);
      }),
      badly(2, `${process.name}: its GET of ${assistantId} fails`, () =>
        finish({ outcome: 'not-read', code: 'UPSTREAM_UNREACHABLE', reason: 'reset' }),
      ),
    ]);
  }

  private list(process: Process): Promise<ListOutcome> {
    const sinceMs = this.nowMs - timing.readLagMs;
    const listed = (finish: (value: ListOutcome) => void, ageOf: (ages: number[]) => number) => () => {
      const records = ASSISTANTS.map((id) =>
        this.upstream.record(id, ageOf(this.upstream.shown(id, sinceMs))),
      );
      this.add(records.map(({ secretKey }) => secretKey).join(', '));
      finish({ outcome: 'read', page: { records, unreadable: [], total: records.length } });
    };
    const isOfAnother = this.options.swapped && this.nowMs < this.waveUntilMs;
    return this.wait<ListOutcome>(process, (finish) => [
      ...(isOfAnother
        ? [
            badly(8, `${process.name}: its LIST is empty`, () =>
              finish({ outcome: 'read', page: { records: [], unreadable: [], total: 0 } }),
            ),
          ]
        : []),
      well(
        `${process.name}: its LIST is answered`,
        listed(finish, (ages) => ages[0]!),
      ),
      badly(
        5,
        `${process.name}: its LIST is answered by a replica that lags`,
        listed(finish, (ages) => ages.at(-1)!),
      ),
      badly(1, `${process.name}: its LIST fails`, () =>
        finish({ outcome: 'not-read', code: 'UPSTREAM_UNREACHABLE', reason: 'reset' }),
      ),
    ]);
  }

  /** What a command was given or answered, in few words. */
  private brief(value: unknown, told: ReadonlySet<string>): string {
    if (typeof value === 'number' && value >= START_MS * 1000) return ` #${(value - START_MS * 1000) / 1000}`;
    if (typeof value === 'number' && value >= START_MS) return ` ${value - START_MS} ms`;
    if (typeof value === 'string') return ` ${this.upstream.nameOf(value, this.options.sealer) ?? value}`;
    if (Array.isArray(value)) return value.map((one) => this.brief(one, told)).join('');
    if (typeof value !== 'object' || value === null) return ` ${String(value)}`;
    return Object.entries(value)
      .filter(([word, one]) => told.has(word) && one !== undefined && one !== '')
      .map(([word, one]) =>
        word.endsWith('Ms') ? ` ${word}${this.brief(one, told)}` : this.brief(one, told),
      )
      .join('');
  }
}

const well = (text: string, run: Action['run']): Action => ({ text, weight: 8, run });
const badly = (weight: number, text: string, run: Action['run']): Action => ({
  text,
  weight,
  fault: true,
  run,
});

/** Reads of a sweep that nothing depends on but which assistants it looks at. */
const IN_PASSING: ReadonlySet<string> = new Set(['nowMs', 'orgs', 'notSeenSince', 'unquarantine']);
const GIVEN: ReadonlySet<string> = new Set([
  'rotationId',
  'assistantId',
  'epoch',
  'key',
  'fingerprint',
  'cause',
  'rotation',
  'read',
  'beganMs',
  'readInMs',
  'code',
  'state',
]);
const ANSWERED: ReadonlySet<string> = new Set([
  'kind',
  'claim',
  'hold',
  'epoch',
  'stateBefore',
  'landsInMs',
  'retryInMs',
  'publishedVersion',
  'assistantId',
]);
const SWEEP = 'the last sweep begins';

const pick = (actions: Action[], choice: number): Action | undefined => {
  const total = actions.reduce((sum, { weight }) => sum + weight, 0);
  let rest = total === 0 ? 0 : choice % total;
  return actions.find(({ weight }) => (rest -= weight) < 0);
};

/**
 * What tells an action from others. Times, and which process of a worker it is, do not: they shift when an
 * earlier step is left out.
 */
const keyOf = ({ text, key }: Action): string => key ?? text.replaceAll(/ (#|[\d.]+ ms)\S*|\.\d+/g, '');
