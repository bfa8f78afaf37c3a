import { expect, it } from '@jest/globals';
import { createFairTurns, shareReadsInTurns } from './fair-turns.ts';

/** Jobs that end when they are told to, in the order in which they began. */
const createJobs = () => {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const job = (name: string) => () => {
    begun.push(name);
    return new Promise<string>((resolve) => ends.push(() => resolve(name)));
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const endNext = async (): Promise<void> => {
    await turn();
    ends.shift()!();
    await turn();
  };
  return { begun, job, endNext };
};

it('a party with many jobs lets the others have their turns', async () => {
  const turns = createFairTurns(2);
  const { begun, job, endNext } = createJobs();
  const ended = ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2'].map((name) => turns(name[0]!, job(name)));
  for (let i = 0; i < 7; i += 1) await endNext();
  expect(begun).toEqual(['a1', 'a2', 'a3', 'b1', 'c1', 'a4', 'b2']);
  expect(await Promise.all(ended)).toEqual(['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2']);
});

it('a job that fails gives its turn to the next', async () => {
  const turns = createFairTurns(1);
  const failing = turns('a', () => Promise.reject(new Error('lost')));
  const next = turns('a', async () => 'next');
  await expect(failing).rejects.toThrow('lost');
  expect(await next).toBe('next');
});

it('a job whose caller has gone is not begun, and the next has its turn', async () => {
  const turns = createFairTurns(1);
  const { begun, job, endNext } = createJobs();
  const gone = new AbortController();
  const first = turns('a', job('a1'));
  const abandoned = turns('a', job('a2'), gone.signal);
  const next = turns('a', job('a3'), new AbortController().signal);
  gone.abort();
  await endNext();
  await expect(abandoned).rejects.toMatchObject({ code: 'REQUEST_STALLED' });
  await endNext();
  expect(await Promise.all([first, next])).toEqual(['a1', 'a3']);
  expect(begun).toEqual(['a1', 'a3']);
});

it('one read answers all that asked before it began, and none that asked later', async () => {
  const { begun, job, endNext } = createJobs();
  const read = shareReadsInTurns((id) => job(id)(), 1);
  const before = read('a', '1-0');
  const waiting = ['a', 'b', 'c'].map((party) => read(party, '2-0'));
  await endNext();
  await before;
  const after = read('d', '2-0');
  for (let i = 0; i < 2; i += 1) await endNext();
  expect(await Promise.all([...waiting, after])).toEqual(['2-0', '2-0', '2-0', '2-0']);
  expect(begun).toEqual(['1-0', '2-0', '2-0']);
});
