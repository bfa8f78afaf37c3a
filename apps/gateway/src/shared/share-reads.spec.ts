import { describe, expect, it } from '@jest/globals';
import { shareReads } from './share-reads.ts';

/** Reads that end when they are told to, in the order in which they began. */
const controlled = (atOnce?: number) => {
  const begun: { id: string; end: (value: string) => void; fail: (error: Error) => void }[] = [];
  const read = shareReads<string>((id) => {
    const { promise, resolve: end, reject: fail } = Promise.withResolvers<string>();
    begun.push({ id, end, fail });
    return promise;
  }, atOnce);
  return { begun, read };
};
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('shareReads', () => {
  it('reads once for all that ask in one turn', async () => {
    const { begun, read } = controlled();
    const answers = Promise.all(Array.from({ length: 1000 }, () => read('a')));
    await turn();
    expect(begun.map(({ id }) => id)).toEqual(['a']);
    begun[0]!.end('value');
    expect(new Set(await answers)).toEqual(new Set(['value']));
  });

  it('reads again for who asks after a read has begun', async () => {
    const { begun, read } = controlled();
    const first = read('a');
    await turn();
    const second = read('a');
    await turn();
    begun[1]!.end('new');
    begun[0]!.end('old');
    expect([await first, await second]).toEqual(['old', 'new']);
  });

  it('keeps a bounded number of reads under way, also after one has failed', async () => {
    const { begun, read } = controlled(2);
    const answers = ['a', 'b', 'c', 'd'].map((id) => read(id).catch((error: Error) => error.message));
    await turn();
    expect(begun.map(({ id }) => id)).toEqual(['a', 'b']);
    begun[0]!.fail(new Error('gone'));
    await turn();
    expect(begun.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    for (const { end } of begun) end('value');
    await turn();
    begun[3]!.end('value');
    expect(await Promise.all(answers)).toEqual(['gone', 'value', 'value', 'value']);
  });
});
