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

const start = async ({ oneKey = false } = {}) => {
  ({ close } = await noteConfiguredOrgs({
    sweeps: { noteConfigured: async (ids, nowMs) => void noted.push([ids, nowMs]) },
    orgIds: oneKey ? undefined : () => configured,
    nowMs: async () => 42,
    onError: (error) => {
      throw error;
    },
  }));
};

describe('noteConfiguredOrgs', () => {
  it('notes the orgs of the file of keys at the start, when they change, and every ten minutes', async () => {
    configured = ['org_2', 'org_1'];
    await start();
    expect(noted).toEqual([[['org_1', 'org_2'], 42]]);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(noted).toHaveLength(1);
    configured = ['org_3'];
    await jest.advanceTimersByTimeAsync(60_000);
    expect(noted.at(-1)).toEqual([['org_3'], 42]);
    await jest.advanceTimersByTimeAsync(660_000);
    expect(noted).toHaveLength(3);
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
