import { afterEach, describe, expect, it } from '@jest/globals';
import { bulksOf } from './bulks.ts';
import { expectTruth } from '../support/invariants.ts';
import { startSystem, type System } from '../support/system.ts';

let system: System;
afterEach(async () => {
  await system.stop();
});

/** How often a request has changed the key of each assistant of the org. */
const timesRotated = async (): Promise<number[]> => {
  const history: Record<string, { by: string }[]> = await system.admin('GET', '/history');
  return Object.entries(history).flatMap(([id, changes]) =>
    /^ast_\d+$/.test(id) ? [changes.filter(({ by }) => by === 'request').length] : [],
  );
};

describe('a running bulk rotation that another client changes', () => {
  const changes: [string, (bulk: string, id: string) => Promise<unknown>][] = [
    ['its states removed', (bulk) => system.redis.del(`${bulk}:states`)],
    ['its states overwritten', (bulk) => system.redis.set(`${bulk}:states`, 'S'.repeat(60))],
    ['its place among the active ones removed', (_, id) => system.redis.zrem('{rekey}:bulks:active', id)],
    ['its draws removed', (bulk) => system.redis.del(`${bulk}:draws`, `${bulk}:redo`)],
    ['its cursor at the end', (bulk) => system.redis.hset(bulk, 'cursor', 60)],
    ['its count of open rotations raised', (bulk) => system.redis.hset(bulk, 'open', 50)],
  ];

  it.each(changes)('completes, and rotates each assistant once: %s', async (_, change) => {
    system = await startSystem({
      simulator: ['--assistants', '60'],
      timing: { INVENT_REQUESTS_PER_MINUTE: '1200' },
    });
    const bulks = bulksOf(system);
    const { id } = await bulks.create({ orgId: 'org_demo', allAssistants: true });
    await bulks.until(id, ({ counts }) => counts.succeeded >= 10);
    await change(`{rekey}:bulk:${id}`, id);
    const { state, counts } = await bulks.ended({ id });
    expect(state).toBe('COMPLETED');
    expect(counts).toMatchObject({ total: 60, failed: 0, waiting: 0, rotating: 0 });
    expect(counts.succeeded + counts.shared).toBe(60);
    expect(await timesRotated()).toEqual(Array.from({ length: 60 }, () => 1));
    await expectTruth(system);
  });
});
