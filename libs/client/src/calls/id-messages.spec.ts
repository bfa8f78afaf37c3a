import { describe, expect, it } from '@jest/globals';
import { batchesOf, canRepeat, messagesOf } from './id-messages.ts';

const MESSAGE_BYTES = 64 * 1024;
const numbered = (count: number, length = 0) =>
  Array.from({ length: count }, (_, i) => `ast_${i}`.padEnd(length, '-'));

const collect = async <T>(iterable: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const one of iterable) all.push(one);
  return all;
};

async function* once(ids: string[]) {
  yield* ids;
}

describe('batchesOf', () => {
  it('keeps every id, in order, in as few messages as possible', async () => {
    const ids = numbered(20_000, 12);
    const batches = await collect(batchesOf(ids));
    expect(batches.flat()).toEqual(ids);
    expect(batches).toHaveLength(Math.ceil((20_000 * 16) / (48 * 1024)));
  });

  it.each([
    ['short', numbered(30_000)],
    ['as long as may be', numbered(1000, 256)],
    ['of several bytes a letter', numbered(1000).map((id) => `${id}${'€'.repeat(80)}`)],
  ])('leaves room for the other fields with ids that are %s', async (_what, ids) => {
    const sizes = (await collect(batchesOf(ids))).map((batch) =>
      batch.reduce((sum, id) => sum + Buffer.byteLength(id) + 3, 0),
    );
    expect(Math.max(...sizes)).toBeLessThan(MESSAGE_BYTES - 8 * 1024);
  });

  it('reads only as batches are requested', async () => {
    let read = 0;
    const batches = batchesOf(function* () {
      for (const id of numbered(100_000)) {
        read += 1;
        yield id;
      }
    });
    await batches.next();
    expect(read).toBeLessThan(10_000);
    await batches.return(undefined);
  });
});

describe('messagesOf', () => {
  it('sends the other fields in the first message only', async () => {
    const messages = await collect(
      messagesOf<{ orgId?: string; assistantIds?: string[]; excludeAssistantIds?: string[] }>(
        { orgId: 'org' },
        { assistantIds: numbered(8000), excludeAssistantIds: ['ast_x'] },
      ),
    );
    expect(messages.length).toBeGreaterThan(2);
    expect(messages.map(({ orgId }) => orgId)).toEqual(['org', ...messages.slice(1).map(() => undefined)]);
    expect(messages.at(-1)).toEqual({ excludeAssistantIds: ['ast_x'] });
  });

  it.each([[undefined], [[]]])('is one message if the ids are %j', async (assistantIds) => {
    expect(
      await collect(
        messagesOf<{ orgId: string; assistantIds?: string[] }>({ orgId: 'org' }, { assistantIds }),
      ),
    ).toEqual([{ orgId: 'org' }]);
  });
});

describe('canRepeat', () => {
  it.each([
    ['an array', ['a'], true],
    ['a Set', new Set(['a']), true],
    ['a function', () => once(['a']), true],
    ['an async generator', once(['a']), false],
    [
      'a generator',
      (function* () {
        yield 'a';
      })(),
      false,
    ],
    ['an iterator of a Set', new Set(['a']).values(), false],
  ])('is right for %s', (_what, ids, expected) => {
    expect(canRepeat(ids)).toBe(expected);
  });
});
