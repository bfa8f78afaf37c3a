import { killProcess } from './processes.ts';
import { check, deliver, sweepAll } from './tasks.ts';
import {
  ALIAS,
  ASSISTANTS,
  CONFIRM_AFTER_MS,
  LEASE_MS,
  ORG,
  WINDOW_MS,
  timing,
  type Action,
  type Process,
} from './terms.ts';
import type { WorldState } from './world-state.ts';

const ADVANCES_MS = [1, timing.readLagMs, LEASE_MS, WINDOW_MS, 400];
/** The longest period in which Invent answers 404 by mistake. */
const WAVE_MS = 30;
const MAX_ROTATIONS = 3;
const MAX_BY_HAND = 3;
const MAX_RESTORED = 2;
const MAX_KILLED = 2;
const MAX_STOPPED = 2;

/** What may happen next. The order is fixed, harmless actions first, so that shrinking prefers them. */
export const actionsOf = (world: WorldState): Action[] => {
  const outcomes = world.operations
    .filter(({ process, dueMs }) => !process.paused && dueMs <= world.nowMs)
    .map((operation) => operation.outcomes());
  const all = [
    ...outcomes.flatMap(([well]) => (well ? [well] : [])),
    ...deliveries(world),
    ...requests(world),
    ...chores(world),
    ...ADVANCES_MS.map((ms) => advance(world, ms)),
    ...outcomes.flatMap(([, ...badly]) => badly),
    ...latePosts(world),
    ...manualRotations(world),
    ...oddities(world),
    ...mishaps(world),
  ];
  return world.options.faults ? all : all.filter(({ fault }) => !fault);
};

/** Any free worker may get an open rotation, repeatedly, even while another worker has it. */
const deliveries = (world: WorldState): Action[] => {
  const free = world.workers.find(({ task, paused }) => task === undefined && !paused);
  if (!free) return [];
  return world.rotations
    .filter(({ dueMs }) => dueMs < Number.POSITIVE_INFINITY)
    .map((rotation) => ({
      text: `${rotation.rotationId} is delivered to ${free.name}`,
      weight: 8,
      run: () => deliver(world, free, rotation),
    }));
};

const requests = (world: WorldState): Action[] => {
  if (world.rotations.length === MAX_ROTATIONS) return [];
  return [
    ['a', ORG],
    ['a', ALIAS],
    ['b', ORG],
  ].map(([assistantId, orgId]) => ({
    text: `a rotation of ${assistantId} is requested under ${orgId}`,
    weight: assistantId === 'a' ? 3 : 1,
    run: () => request(world, orgId!, assistantId!),
  }));
};

const request = async (world: WorldState, orgId: string, assistantId: string): Promise<void> => {
  const { redis, ledger } = world.options;
  const rotationId = `rot_${world.rotations.length + 1}`;
  const seqBefore = Number(await redis.get(ledger.keys.seq));
  const { created, rotation } = await ledger.rotations.accept(rotationId, { orgId, assistantId, reason: '' });
  world.add(created ? rotationId : `${rotation.id} is still queued`);
  if (created)
    world.rotations.push({
      rotationId,
      orgId,
      assistantId,
      seqBefore,
      acceptedMs: world.nowMs,
      posts: 0,
      dueMs: 0,
    });
};

const chores = (world: WorldState): Action[] => {
  const { byHand, swapped } = world.options;
  const checkerIsFree = world.checker.task === undefined;
  return [
    ...(world.sweeper.task === undefined && byHand
      ? [{ text: 'a sweep begins', weight: 2, run: () => sweepAll(world) }]
      : []),
    ...(checkerIsFree
      ? [{ text: 'the checker looks for due checks', weight: 1, run: () => check(world) }]
      : []),
    ...(checkerIsFree && byHand
      ? (swapped ? ASSISTANTS : ['a']).map((assistantId) => ({
          text: `a check of ${assistantId} begins`,
          weight: 2,
          run: () => check(world, { orgId: ORG, assistantId }),
        }))
      : []),
  ];
};

/** Time that passes while a worker waits is a fault: without faults, steps take no time. */
const advance = (world: WorldState, ms: number): Action => ({
  text: `${ms} ms pass`,
  key: `pass ${ms}`,
  weight: ms === LEASE_MS || ms === WINDOW_MS ? 2 : 1,
  fault: world.operations.some(({ process }) => world.workers.includes(process)),
  run: () => world.passTo(world.nowMs + ms),
});

const latePosts = ({ upstream, nowMs }: WorldState): Action[] =>
  upstream.late
    .filter((post) => upstream.canLand(post, nowMs))
    .map((post) => ({
      text: `upstream: the lost POST of ${post.rotationId} lands`,
      weight: 3,
      fault: true,
      run: () => upstream.land(post, nowMs),
    }));

const manualRotations = (world: WorldState): Action[] => {
  const { byHand, swapped } = world.options;
  // If the limit of changes is examined, two manual changes are more than two assistants allow.
  if (!byHand || swapped || world.tally.byHand === MAX_BY_HAND) return [];
  return ASSISTANTS.map((id) => ({
    text: `upstream: ${id} is rotated by hand`,
    weight: id === 'a' ? 2 : 1,
    fault: true,
    run: () => {
      world.tally.byHand += 1;
      world.upstream.rotate(id, world.nowMs, 'hand');
    },
  }));
};

const oddities = (world: WorldState): Action[] => {
  const { odd, swapped } = world.options;
  const { tally } = world;
  const wave = (text: string, ms: number): Action => ({
    text,
    weight: 2,
    fault: true,
    run: () => {
      tally.waves += 1;
      world.waveUntilMs = world.nowMs + ms;
    },
  });
  return [
    ...(odd && tally.restored < MAX_RESTORED
      ? ASSISTANTS.map((id) => ({
          text: `upstream: a backup of ${id} is restored`,
          weight: id === 'a' ? 3 : 1,
          fault: true,
          run: () => {
            tally.restored += 1;
            world.upstream.restore(id, world.nowMs);
          },
        }))
      : []),
    ...(odd && tally.waves === 0 ? [wave('upstream: reads are answered with 404 for a while', WAVE_MS)] : []),
    ...(swapped && tally.waves === 0
      ? [wave('upstream: the API key is of another org', 1000 * CONFIRM_AFTER_MS)]
      : []),
  ];
};

const mishaps = (world: WorldState): Action[] => {
  const { tally } = world;
  const busy = [...world.workers, world.checker].filter(({ task }) => task !== undefined);
  const kill = (process: Process): Action => ({
    text: `${process.name} is killed`,
    weight: 2,
    fault: true,
    run: () => killProcess(world, process),
  });
  const stop = (process: Process): Action => ({
    text: `${process.name} is stopped`,
    weight: 2,
    fault: true,
    run: () => {
      tally.stopped += 1;
      process.paused = true;
    },
  });
  const resume = (process: Process): Action => ({
    text: `${process.name} continues`,
    weight: 2,
    run: () => {
      process.paused = false;
    },
  });
  return [
    ...busy.filter(({ paused }) => paused).map(resume),
    ...(tally.killed < MAX_KILLED ? busy.map(kill) : []),
    ...(tally.stopped < MAX_STOPPED ? busy.filter(({ paused }) => !paused).map(stop) : []),
  ];
};
