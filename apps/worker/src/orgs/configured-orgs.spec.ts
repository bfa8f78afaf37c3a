import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { noteConfiguredOrgs } from './configured-orgs.ts';

let noted: [readonly string[], number][];
let configured: string[];
let close: () => Promise<void>;
beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
  [noted, configured, close] = [[], [], async () => {}];
});
afterEach(async () => {
  await close();
  jest.useRealTimers();
});

const note = async (ids: readonly string[], nowMs: number) => void noted.push([ids, nowMs]);
const start = async ({ oneKey = false, noteConfigured = note, errors = [] as unknown[] } = {}) => {
  ({ close } = await noteConfiguredOrgs({
    sweeps: { noteConfigured },
    orgIds: oneKey ? undefined : () => configured,
    nowMs: async () => 42,
    onError: (error) => void errors.push(error),
  }));
};

describe('noteConfiguredOrgs', () => {
  it('notes the orgs of the file of keys at the start, 5 s after a change, every ten minutes', async () => {
    configured = ['org_2', 'org_1'];
    await start();
    expect(noted).toEqual([[['org_1', 'org_2'], 42]]);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(noted).toHaveLength(1);
    configured = ['org_3'];
    await jest.advanceTimersByTimeAsync(5000);
    expect(noted.at(-1)).toEqual([['org_3'], 42]);
    await jest.advanceTimersByTimeAsync(660_000);
    expect(noted).toHaveLength(3);
  });

  it('starts although nothing can be noted, reports that, and tries again', async () => {
    const errors: unknown[] = [];
    let isSpoilt = true;
    configured = ['org_1'];
    await start({
      errors,
      noteConfigured: async (...noting) => {
        if (isSpoilt) throw new Error('WRONGTYPE');
        await note(...noting);
      },
    });
    expect(errors).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(5000);
    expect(errors).toHaveLength(2);
    isSpoilt = false;
    await jest.advanceTimersByTimeAsync(5000);
    expect(noted).toEqual([[['org_1'], 42]]);
  });

  it('notes that any org may have a key: one key serves all, or they are too many to note', async () => {
    await start({ oneKey: true });
    configured = Array.from({ length: 10_001 }, (_, i) => `org_${i}`);
    await close();
    await start();
    expect(noted).toEqual([
      [['*'], 42],
      [['*'], 42],
    ]);
  });
});
