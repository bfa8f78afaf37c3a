import { expect, it } from '@jest/globals';
import { Believed } from './believed.ts';
import { checkEntries, type EntryState } from './check-entries.ts';
import type { Stored } from './stored.ts';

it.each([
  ['while the first manifest is written: it is read again', false, 0],
  ['without any manifest: they are of an earlier version', true, 1],
])('finds entries %s', async (_, isSame, count) => {
  const state: EntryState = { altered: new Map(), lost: new Map(), unlisted: [], count: 0 };
  const stored = { digests: async () => ({ count: 1, sha1: new Map() }), unlisted: async () => ['billing'] };
  const check = { stored: stored as unknown as Stored, believed: new Believed(), state, full: false };
  expect(await checkEntries(check, async () => isSame)).toBe(isSame);
  expect(state.count).toBe(count);
});
