import { expect } from '@jest/globals';
import { KEY_REMOVED, KEY_ROTATED, type KeyEvent } from '@rekey/schema';
import { openRecord } from '@rekey/sealing';
import { eventually, type System } from './system.ts';

type Version = Exclude<KeyEvent, { type: 'rekey.assistant.key-uncertain.v1' }>;

/** The key that was published last for each assistant; null if a removal was published last. */
export const lastPublished = async (
  { sealer }: Pick<System, 'sealer'>,
  events: KeyEvent[],
): Promise<Record<string, string | null>> => {
  const last: Record<string, string | null> = {};
  for (const event of events) {
    if (event.type === KEY_ROTATED)
      last[event.subject] = (await openRecord(sealer, event)).assistant.secret_key ?? null;
    if (event.type === KEY_REMOVED) last[event.subject] = null;
  }
  return last;
};

/** The keys upstream; null for an assistant that has no key, or is deleted. */
export const keysInForce = async (
  { admin, trueKey }: Pick<System, 'admin' | 'trueKey'>,
  assistantIds: string[],
): Promise<Record<string, string | null>> => {
  const history: Record<string, { key: string | null }[]> = await admin('GET', '/history');
  const keys = assistantIds.map(
    async (id) => [id, history[id] ? history[id].at(-1)!.key : await trueKey(id)] as const,
  );
  return Object.fromEntries(await Promise.all(keys));
};

/** Expects that the numbers of the stream rise, and the versions of each assistant. */
export const expectInOrder = (events: KeyEvent[]): void => {
  const numbers = events.map(({ data }) => data.seq);
  expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
  const versions = events.filter(
    (event): event is Version => event.type === KEY_ROTATED || event.type === KEY_REMOVED,
  );
  for (const subject of new Set(versions.map((event) => event.subject))) {
    const own = versions.filter((event) => event.subject === subject).map(({ data }) => data.version);
    expect(own).toEqual([...new Set(own)].toSorted((a, b) => a - b));
  }
};

/** Expects that no rotation is open, no request of the org is in flight, and no key is uncertain. */
const expectAtRest = async ({ redis }: Pick<System, 'redis'>): Promise<void> => {
  expect({
    open: await redis.zcard('{rekey}:rotations:open'),
    intents: await redis.zcard('{rekey}:intents:org_demo'),
    uncertain: await redis.hgetall('{rekey}:uncertain'),
  }).toEqual({ open: 0, intents: 0, uncertain: {} });
};

/** Waits until BullMQ has no job of a rotation left. */
export const untilQueuesAreEmpty = (system: Pick<System, 'redis'>): Promise<unknown> =>
  eventually(
    async () => {
      const counts = await Promise.all(
        ['rotations', 'rotation-follow-ups'].flatMap((queue) => {
          const key = (state: string) => `{rekey}:bull:${queue}:${state}`;
          return [
            system.redis.llen(key('wait')),
            system.redis.llen(key('active')),
            system.redis.zcard(key('delayed')),
          ];
        }),
      );
      return counts.reduce((sum, count) => sum + count, 0);
    },
    (jobs) => jobs === 0,
  );

/** Expects that the last published key of every assistant is in force, once all rotations have ended. */
export const expectTruth = async (system: System): Promise<void> => {
  await expectAtRest(system);
  const events = await system.events();
  expectInOrder(events);
  const published = await lastPublished(system, events);
  expect(published).toEqual(await keysInForce(system, Object.keys(published)));
  expect((await system.admin('GET', '/counts')).concurrentRotates).toBe(0);
};
