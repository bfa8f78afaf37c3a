import { silentMeter as meter } from '../src/metrics/meter-fixture.ts';
import { createPublisher } from '../src/publishing/publisher.ts';
import { noRecipients } from '../src/publishing/sealing-fixture.ts';
import { silentLogger as logger } from '@rekey/runtime';
import { setRedisTime } from '../src/shared/simulated-redis-fixture.ts';
import { actionsOf } from './actions.ts';
import type { History } from './histories.ts';
import { keyOf } from './narration.ts';
import { startProcess } from './processes.ts';
import { check, deliver, sweepAll } from './tasks.ts';
import {
  ASSISTANTS,
  ORG,
  promises,
  timing,
  type Action,
  type Operation,
  type WorldOptions,
} from './terms.ts';
import { WorldState } from './world-state.ts';

const MAX_CALM_STEPS = 500;
const LAST_SWEEP = 'the last sweep begins';
const microtasks = () => new Promise((resolve) => setImmediate(resolve));

/**
 * Two workers, a sweeper and a checker, which all run the worker's own code; the ledger's own commands on a
 * real Redis; and a simulated upstream, network and clock. Nothing happens by itself: whatever a process
 * waits for is an operation, and the driver picks its outcome. A history is a pure function of these choices.
 */
export const createWorld = (options: WorldOptions): WorldState => {
  const world = new WorldState(options);
  world.workers = ['w1', 'w2'].map((name) => startProcess(world, name));
  world.sweeper = startProcess(world, 'sweeper');
  world.checker = startProcess(world, 'checker');
  return world;
};

/** Begins with `a` published and `b` never seen. Plays the history, then lets everything come to rest. */
export const playHistory = async (world: WorldState, { choices, script, taken }: History): Promise<void> => {
  const { redis, swapped } = world.options;
  await redis.flushdb();
  await setRedisTime(redis, world.nowMs);
  for (const assistantId of swapped ? ASSISTANTS : ['a']) await importFirst(world, assistantId);
  for (const step of script ?? choices) {
    const action =
      typeof step === 'string'
        ? actionsOf(world).find((one) => keyOf(one) === step)
        : pick(actionsOf(world), step);
    // A step of a script may not be possible any more.
    if (!action) continue;
    taken.push(keyOf(action));
    await take(world, action);
  }
  await comeToRest(world);
};

const pick = (actions: Action[], choice: number): Action | undefined => {
  const total = actions.reduce((sum, { weight }) => sum + weight, 0);
  let rest = total === 0 ? 0 : choice % total;
  return actions.find(({ weight }) => (rest -= weight) < 0);
};

const importFirst = async (world: WorldState, assistantId: string): Promise<void> => {
  const { ledger, sealer } = world.options;
  const { clock } = world.sweeper;
  const looked = await ledger.assistants.beginCheck({ orgId: ORG, assistantId });
  if (looked.kind !== 'begun') throw new Error('no rotation can own it yet');
  const publisher = createPublisher({ ledger, sealer, recipients: noRecipients, logger, clock, meter });
  const anchor = { redisMs: world.nowMs, clockMs: clock.nowMs() };
  const record = world.upstream.record(assistantId, 0);
  await publisher.publish(looked.hold, anchor, {
    finding: { record, secretKey: record.secretKey },
    cause: 'import',
    rotation: 'continues',
    read: { beganMs: world.nowMs, lagMs: timing.readLagMs },
  });
};

const take = async (world: WorldState, action: Action): Promise<void> => {
  if (action.fault) world.faults += 1;
  world.say(action.text);
  await action.run();
  await microtasks();
  for (let next = passing(world); next; next = passing(world)) {
    await next.outcomes()[0]!.run();
    await microtasks();
  }
  if (world.broken !== undefined) throw world.broken;
};

const passing = ({ operations }: WorldState): Operation | undefined =>
  operations.find(({ inPassing, process }) => inPassing && !process.paused);

/** Without further faults: processes continue, open rotations are delivered when due, and a sweep ends it. */
const comeToRest = async (world: WorldState): Promise<void> => {
  world.calm = true;
  world.waveUntilMs = Number.NEGATIVE_INFINITY;
  for (const process of [...world.workers, world.checker]) process.paused = false;
  let swept = !world.options.byHand;
  for (let steps = 0; steps < MAX_CALM_STEPS; steps += 1) {
    const next = await nextInCalm(world, swept);
    if (!next) return;
    if (next.text === LAST_SWEEP) swept = true;
    await take(world, next);
  }
  world.fail(promises.rest, `not within ${MAX_CALM_STEPS} steps`);
};

const nextInCalm = async (world: WorldState, swept: boolean): Promise<Action | undefined> => {
  const { operations, nowMs } = world;
  const operation = operations.find(({ dueMs }) => dueMs <= nowMs);
  if (operation) return operation.outcomes()[0];
  const [openIds, checks] = await openAndChecks(world);
  const open = world.rotations.filter(({ rotationId }) => openIds.includes(rotationId));
  // Housekeeping finds a rotation whose delivery ended too early.
  for (const rotation of open) if (rotation.dueMs === Number.POSITIVE_INFINITY) rotation.dueMs = nowMs;
  const due = open.find(({ dueMs }) => dueMs <= nowMs);
  const free = world.workers.find(({ task }) => task === undefined);
  if (due && free)
    return {
      text: `${due.rotationId} is delivered to ${free.name}`,
      weight: 1,
      run: () => deliver(world, free, due),
    };
  if (world.checker.task === undefined && checks.some((dueMs) => dueMs <= nowMs))
    return { text: 'the checker looks for due checks', weight: 1, run: () => check(world) };
  const late = world.upstream.late
    .filter((post) => world.upstream.canLand(post, nowMs))
    .map(({ landsBeforeMs }) => landsBeforeMs);
  const moments = [
    ...open.map(({ dueMs }) => dueMs),
    ...checks,
    ...late,
    ...operations.map(({ dueMs }) => dueMs),
  ].filter((ms) => ms > nowMs);
  if (moments.length > 0) {
    const nextMs = Math.ceil(Math.min(...moments));
    return { text: `${nextMs - nowMs} ms pass`, weight: 1, run: () => world.passTo(nextMs) };
  }
  return swept ? undefined : { text: LAST_SWEEP, weight: 1, run: () => sweepAll(world) };
};

/** The open rotations, and when checks are due. */
const openAndChecks = async ({ options }: WorldState): Promise<[string[], number[]]> => {
  const { keys } = options.ledger;
  const [open, ...checks] = (await options.redis
    .pipeline()
    .zrange(keys.rotations('open'), '0', '-1')
    .zrange(keys.checks, '0', '-1', 'WITHSCORES')
    .zrange(keys.slowChecks, '0', '-1', 'WITHSCORES')
    .exec())!;
  return [
    open![1] as string[],
    checks.flatMap(([, members]) => (members as string[]).filter((_text, i) => i % 2 === 1).map(Number)),
  ];
};
