import { describe, expect, it } from '@jest/globals';
import { HeldKeys } from './held-keys.ts';
import type { Opened } from '../records/read-event.ts';

const opened = (i: number, version: number, more: Partial<Opened> = {}): Opened => ({
  kind: 'key',
  assistantId: `ast_${i}`,
  orgId: `org_${i % 3}`,
  version,
  ahead: false,
  cause: 'rotation',
  removal: undefined,
  secretKey: `sk_${i}_${version}`,
  updatedMs: version,
  plaintext: '',
  ...more,
});
const COUNT = 5000;
const filled = (): HeldKeys => {
  const held = new HeldKeys();
  for (let i = 0; i < COUNT; i += 1) held.apply(opened(i, 1_764_448_000_000_001 + i));
  return held;
};

describe('held keys', () => {
  it('are each what was applied last, however many there are', () => {
    const held = filled();
    for (let i = 0; i < COUNT; i += 7)
      held.apply(opened(i, 1_800_000_000_000_000 + i, { orgId: 'org_other' }));
    expect(held.size).toBe(COUNT);
    for (let i = 0; i < COUNT; i += 1) {
      const version = (i % 7 ? 1_764_448_000_000_001 : 1_800_000_000_000_000) + i;
      expect(held.get(`ast_${i}`)).toMatchObject({
        state: 'held',
        version,
        orgId: i % 7 ? `org_${i % 3}` : 'org_other',
        secretKey: `sk_${i}_${version}`,
        uncertain: false,
      });
    }
  });

  it('of a removed assistant leave nothing to the one that takes its place', () => {
    const held = filled();
    held.markUncertain('ast_3', Number.MAX_SAFE_INTEGER);
    held.markUnreadable('ast_4', 9);
    held.beginSnapshot();
    for (let i = 0; i < 10; i += 1) held.remove(`ast_${i}`);
    expect([held.size, held.get('ast_3'), held.signing('ast_3')]).toEqual([COUNT - 10, undefined, undefined]);
    for (let i = 0; i < 10; i += 1)
      held.apply(opened(COUNT + i, 7, { secretKey: undefined, cause: undefined, removal: 'no-key' }));
    for (let i = 0; i < 10; i += 1)
      expect(held.get(`ast_${COUNT + i}`)).toMatchObject({ state: 'removed', version: 7, uncertain: false });
    expect([held.size, held.unreadable().size, held.endUncertainty()]).toEqual([COUNT - 10, 0, []]);
    expect(held.unseen()).toHaveLength(COUNT - 10);
    held.clear();
    expect([held.size, [...held.ids()]]).toEqual([0, []]);
    held.apply(opened(1, 2));
    expect(held.get('ast_1')).toMatchObject({ state: 'held', version: 2, orgId: 'org_1' });
  });
});
