import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { RekeyError, type ErrorCode } from '@rekey/schema';
import { KINDS, startThrowing, type Fault, type Kind } from './throws-fixture.ts';

/*
 * grpc-js ends the process if an interceptor throws, and lets a call hang if its handler's promise is lost.
 * Here, every step throws once: as an error, as something else, and as what is no error of the table.
 */

let gateway: Awaited<ReturnType<typeof startThrowing>>;
const uncaught: unknown[] = [];
const onUncaught = (thrown: unknown) => void uncaught.push(thrown);
beforeAll(async () => {
  process.on('unhandledRejection', onUncaught);
  gateway = await startThrowing();
});
afterAll(async () => {
  await gateway.stop();
  process.off('unhandledRejection', onUncaught);
});

const THROWN: [what: string, thrown: unknown][] = [
  ['an error', new Error('hunter2')],
  ['a text', 'hunter2'],
  ['nothing', undefined],
  ['an object without a prototype', Object.assign(Object.create(null) as object, { code: 0 })],
  ['an error with a code that no table has', Object.assign(new RekeyError('INTERNAL'), { code: 'NO_SUCH' })],
];

/** The steps that decide about a call of each kind: the caller gets INTERNAL if one of them throws. */
const always = ['kind of call'];
const pipeline = [
  'admit',
  'rights',
  'count',
  'allows somewhere',
  'hold',
  'parse',
  'translate',
  'allows',
  'load',
];
const writing = ['hold back', 'guard', 'handle', 'confirm', 'respond', 'release', 'guard ends'];
const DECIDE: Record<Kind, string[]> = {
  unary: [...always, ...pipeline, ...writing],
  'client stream': [...always, ...pipeline, 'begin', 'part', 'end', ...writing],
  'server stream': [...always, ...pipeline, 'next', ...writing],
  'both ways': [...always, 'may reflect'],
};
/** Those that only look on: the call is answered as it would have been. */
const LOOK_ON = ['takes turns', 'observe', 'observe the end'];

const isFree = async (): Promise<boolean> => {
  for (let i = 0; i < 100; i += 1) {
    if (Object.values(gateway.open).every((count) => count === 0)) return true;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return false;
};
/** Nothing of the call is left: what it held was given back, and the next one is answered. */
const expectFree = async (kind: Kind): Promise<void> => {
  expect([await isFree(), gateway.open]).toEqual([true, { calls: 0, guards: 0, held: 0 }]);
  expect(await gateway.call(kind)).toMatchObject({ code: status.OK });
  await isFree();
  await new Promise((resolve) => setImmediate(resolve));
  expect(uncaught).toEqual([]);
};
const faultsOf = (step: string): Fault[] =>
  (['throws', 'rejects'] as const).flatMap((how) => THROWN.map(([, thrown]) => ({ step, how, thrown })));

describe.each(KINDS)('a call of the kind: %s', (kind) => {
  it.each(DECIDE[kind])('is answered with INTERNAL if a step throws: %s', async (step) => {
    const INTERNAL: ErrorCode = 'INTERNAL';
    for (const fault of faultsOf(step)) {
      const { code, reason, ran } = await gateway.call(kind, fault);
      expect({ fault, code, reason }).toEqual({ fault, code: status.INTERNAL, reason: INTERNAL });
      expect(ran).toContain(step);
      await expectFree(kind);
    }
  });

  it.each(LOOK_ON)('is answered as always if what only looks on throws: %s', async (step) => {
    for (const fault of faultsOf(step)) {
      expect(await gateway.call(kind, fault)).toMatchObject({ code: status.OK });
      await expectFree(kind);
    }
  });
});

describe('what receives errors and limits', () => {
  it.each(['unary', 'client stream', 'server stream'] as const)(
    'may throw while it reports the error of a step: %s',
    async (kind) => {
      for (const fault of faultsOf('handle')) {
        const { code, ran } = await gateway.call(kind, { ...fault, also: 'log' });
        expect([code, ran.includes('log')]).toEqual([status.INTERNAL, true]);
        await expectFree(kind);
      }
    },
  );

  it.each(['unary', 'client stream', 'server stream'] as const)(
    'may throw while a call is refused for want of room: %s',
    async (kind) => {
      const thrown = new RekeyError('TOO_MANY_ROTATIONS');
      for (const also of ['refused', 'failed']) {
        const { code, reason, ran } = await gateway.call(kind, {
          step: 'handle',
          how: 'rejects',
          thrown,
          also,
        });
        expect({ code, reason }).toEqual({ code: status.RESOURCE_EXHAUSTED, reason: thrown.code });
        expect(ran).toContain(also);
        await expectFree(kind);
      }
    },
  );

  it.each(['limit', 'report'])('may throw while a call is refused: %s', async (also) => {
    for (const fault of faultsOf('limit')) {
      expect(await gateway.callOverLimit({ ...fault, also })).toEqual({
        code: status.RESOURCE_EXHAUSTED,
        reason: 'METADATA_TOO_LARGE',
      });
      await expectFree('unary');
    }
  });
});
