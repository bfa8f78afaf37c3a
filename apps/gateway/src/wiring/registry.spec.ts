import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { Ledger } from '@rekey/ledger';
import { watchContest } from './registry.ts';

afterEach(() => void jest.useRealTimers());

describe('new rotations while another client puts back an old registry', () => {
  it.each([
    [true, false, 'REGISTRY_CONTESTED'],
    [true, true, undefined],
    [false, false, undefined],
  ])('contested %s, and proved by a worker %s: refused with %s', async (isContested, isProved, code) => {
    jest.useFakeTimers();
    const closing: (() => unknown)[] = [];
    const holdBack = watchContest(
      {
        registry: { isContested: () => isContested, isProved: () => isProved },
        processes: { list: async () => [] },
      } as unknown as Pick<Ledger, 'registry' | 'processes'>,
      { defer: (_name: string, close: () => unknown) => closing.push(close) } as never,
    );
    await jest.advanceTimersByTimeAsync(1100);
    expect(holdBack()).toBe(code);
    for (const close of closing) close();
  });
});
