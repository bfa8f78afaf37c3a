import { KEY_REMOVED, KEY_ROTATED, KEY_UNCERTAIN, KeyEvent, type KeyRotated } from '@rekey/schema';
import { promises, type AcceptedRotation } from './terms.ts';
import type { WorldState } from './world-state.ts';

/** Checks what must hold once everything has come to rest. Each send checks that two POSTs never meet. */
export const checkPromises = async (world: WorldState): Promise<void> => {
  const { redis, ledger } = world.options;
  const events = (await redis.xrange(ledger.keys.events, '-', '+')).map(([, fields]) =>
    KeyEvent.parse(JSON.parse(fields[1]!)),
  );
  for (const [i, { data }] of events.entries())
    if (data.seq !== i + 1) world.fail(promises.rising, `event ${i + 1} has seq ${data.seq}`);
  for (const assistantId of world.upstream.keys.keys())
    checkStream(
      world,
      assistantId,
      events.filter(({ subject }) => subject === assistantId),
    );
  const uncertain = await redis.hkeys(ledger.keys.uncertain);
  if (uncertain.length > 0) world.fail(promises.certain, `${uncertain.join()} is uncertain at the end`);
  for (const rotation of world.rotations) await checkRotation(world, rotation, events);
  if (world.faults === 0) checkCosts(world);
};

const checkStream = (world: WorldState, assistantId: string, events: KeyEvent[]): void => {
  const { upstream, options } = world;
  let version = 0;
  let age = -1;
  let doubted = 0;
  for (const event of events) {
    if (event.type === KEY_UNCERTAIN) {
      doubted = event.data.version;
      continue;
    }
    if (event.data.version <= version)
      world.fail(promises.rising, `${event.data.version} of ${assistantId} comes after ${version}`);
    version = event.data.version;
    if (event.type === KEY_REMOVED) {
      world.noteRemoved(assistantId);
      continue;
    }
    const newAge = upstream.ageOf(assistantId, event.data.fingerprint!, options.sealer, Math.max(age, 0));
    if (newAge < 0) {
      const key = upstream.nameOf(event.data.fingerprint!, options.sealer);
      const detail = `${key} is published after ${assistantId}-${age}, and was not in force again`;
      world.fail(promises.newer, detail);
    }
    age = newAge;
  }
  if (doubted > 0 && version <= doubted) world.fail(promises.certain, `${assistantId} stays uncertain`);
  // Without a sweep or a rotation, an assistant need not be known.
  const { secret } = upstream.keys.get(assistantId)!.at(-1)!;
  const last = events.findLast((event) => event.type !== KEY_UNCERTAIN);
  const published = last?.data.fingerprint ?? undefined;
  if ((last || options.byHand) && published !== options.sealer.fingerprint(secret)) {
    world.fail(
      promises.inForce,
      `${(published && upstream.nameOf(published, options.sealer)) ?? 'nothing'} is published of ` +
        `${assistantId}, and ${secret} is in force`,
    );
  }
};

/**
 * A rotation that SUCCEEDED names a version that was published after it was accepted, of a key that was made
 * after it was accepted: by its own POST if that was answered, otherwise by anyone.
 */
const checkRotation = async (
  world: WorldState,
  { rotationId, assistantId, seqBefore, acceptedMs }: AcceptedRotation,
  events: KeyEvent[],
): Promise<void> => {
  const { upstream, options } = world;
  const { state, version, cause } = await options.ledger.rotations.get(rotationId);
  // In the model, only 404 refuses a rotation for good.
  if (state === 'FAILED' && world.mayFail) return;
  if (state !== 'SUCCEEDED') world.fail(promises.ended, `${rotationId} is ${state}`);
  const event = events.find(
    (one): one is KeyRotated =>
      one.type === KEY_ROTATED && one.subject === assistantId && one.data.version === version,
  );
  if (!event || event.data.seq <= seqBefore)
    world.fail(promises.ended, `${rotationId} names a version that was not published after it was accepted`);
  const { secret, madeMs, by } =
    upstream.keys.get(assistantId)![upstream.ageOf(assistantId, event.data.fingerprint, options.sealer)]!;
  if (cause === 'rotation' && by !== rotationId)
    world.fail(promises.ended, `${rotationId} names ${secret}, which was made by ${by}`);
  if (madeMs < acceptedMs)
    world.fail(promises.ended, `${rotationId} names ${secret}, which was made before it was accepted`);
};

const checkCosts = (world: WorldState): void => {
  if (world.workerReads > 0) world.fail(promises.frugal, `there were ${world.workerReads} reads`);
  for (const { rotationId, posts } of world.rotations)
    if (posts !== 1) world.fail(promises.frugal, `there were ${posts} POSTs for ${rotationId}`);
};
