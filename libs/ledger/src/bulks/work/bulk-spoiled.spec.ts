import { describe, expect, it } from '@jest/globals';
import { ledger, redis } from '../../ledger-fixture.ts';
import { begin, bulks, draw, makeBulk, stateOf, statesOf, succeed, useBulks } from '../bulk-fixture.ts';

useBulks();

const keyOf = (id: string, part = '') => `{spec}:bulk:${id}${part}`;

it('a halted bulk whose limit another client has spoiled can be resumed', async () => {
  const { id } = await makeBulk(2);
  await redis.hset(keyOf(id), { limit: 'x', state: 'HALTED' });
  await bulks.resume(id);
  expect((await stateOf(id))[0]).toBe('RUNNING');
});

it.each([true, false])(
  'waits for no QUEUED rotation that another client has invented: %s',
  async (hasHash) => {
    const { id } = await makeBulk(1);
    await redis.hset('{spec}:assistant:ast_0', 'queued:org_1', 'rot_invented');
    if (hasHash)
      await redis.hset('{spec}:rotation:rot_invented', {
        state: 'QUEUED',
        org: 'org_1',
        assistant: 'ast_0',
        assistant_key: '{spec}:assistant:ast_0',
      });
    else await redis.set('{spec}:rotation:rot_invented', 'x');
    const [claim] = await begin(1);
    await succeed(claim!);
    expect(await statesOf(id)).toBe('s');
  },
);

describe('a bulk whose entry another client has spoiled', () => {
  it.each([
    ['state', 'x'],
    ['total', 'x'],
    ['selection', '{'],
    ['created', '-1'],
  ])('is named by the status, and can be cancelled: %s', async (field, text) => {
    const { id } = await makeBulk(3);
    await redis.hset(keyOf(id), field, text);
    const unreadable = async () => {
      const { attention } = await ledger.system.status();
      return attention.filter(({ code }) => code === 'BULK_UNREADABLE').map(({ subject }) => subject);
    };
    expect(await unreadable()).toEqual([id]);
    await bulks.cancel(id).catch(() => {});
    expect(await redis.hget(keyOf(id), 'state')).toBe('CANCELLED');
    expect(await unreadable()).toEqual([]);
    await redis.flushall();
  });

  it('is shown without failures that are none', async () => {
    const { id } = await makeBulk(1);
    await redis.rpush(keyOf(id, ':failures'), '1152921504606847000', 'x y z', '1 A_CODE ast 1');
    expect((await bulks.get(id)).lastFailures).toEqual([{ atMs: 1, code: 'A_CODE', assistantId: 'ast 1' }]);
    await redis.del(keyOf(id, ':failures'));
    await redis.set(keyOf(id, ':failures'), 'x');
    expect((await bulks.get(id)).lastFailures).toEqual([]);
    await redis.del(keyOf(id, ':failures'));
  });

  it('has no list of assistants without its states', async () => {
    const { id } = await makeBulk(1);
    await redis.del(keyOf(id, ':states'));
    await redis.sadd(keyOf(id, ':states'), 'x');
    const listing = bulks.items(id, {}, { size: 10, from: 0 });
    await expect(listing).rejects.toMatchObject({ code: 'LEDGER_CORRUPT' });
    await draw();
  });

  it('lists an assistant as LEDGER_CORRUPT whose state is none that Rekey writes', async () => {
    const { id } = await makeBulk(2);
    await redis.set(keyOf(id, ':states'), 'S.');
    const { items } = await bulks.items(id, {}, { size: 10, from: 0 });
    expect(items[0]).toMatchObject({ state: 'FAILED', errorCode: 'LEDGER_CORRUPT' });
    await draw();
  });
});
