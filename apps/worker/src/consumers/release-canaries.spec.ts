import { describe, expect, it } from '@jest/globals';
import type { BulkWork, ConsumerPositions, Consumers } from '@rekey/ledger';
import { nextUlid, silentLogger } from '@rekey/runtime';
import type { AcknowledgementState, BulkRotation } from '@rekey/schema';
import { releaseCanaries } from './release-canaries.ts';

const now = () => `${Date.now()}-0`;
const bulk = (more: Partial<BulkRotation> = {}) =>
  ({ id: `blk_${nextUlid()}`, orgId: 'org_1', entry: now(), ...more }) as BulkRotation;

/** Resolves to the bulk rotations that continue, in a round of several. */
const released = async (
  bulks: (BulkRotation | Error)[],
  states: Record<string, AcknowledgementState> = { billing: 'ACKNOWLEDGED' },
  lost: string[] = [],
) => {
  const ids = bulks.map((one, i) => (one instanceof Error ? `blk_${i}` : one.id));
  const continued: string[] = [];
  const events: string[] = [];
  await releaseCanaries({
    consumers: {
      list: async () => ({
        consumers: Object.keys(states).map((name) => ({ consumer: { name, orgs: ['org_1'] } })),
      }),
    } as unknown as Consumers,
    registry: { lost: () => lost },
    positions: { reach: (name: string) => states[name] } as unknown as ConsumerPositions,
    work: {
      awaiting: async () => ids,
      read: async (id: string) => {
        const found = bulks[ids.indexOf(id)];
        if (found instanceof Error) throw found;
        return found;
      },
      acknowledged: async (id: string) => continued.push(id) > 0,
    } as unknown as BulkWork,
    logger: { ...silentLogger, event: (name) => void events.push(name) },
  });
  return { continued, events };
};

describe('a canary that waits for consumers', () => {
  it('continues when all live ones have its keys, at least one', async () => {
    const one = bulk();
    const continued = async (states: Record<string, AcknowledgementState>) =>
      (await released([one], states)).continued;
    expect(await continued({ billing: 'ACKNOWLEDGED', crm: 'GONE' })).toEqual([one.id]);
    expect(await continued({ billing: 'ACKNOWLEDGED', crm: 'PENDING' })).toEqual([]);
    expect(await continued({ billing: 'GONE' })).toEqual([]);
  });

  it('waits for one whose entry is lost', async () => {
    expect((await released([bulk()], undefined, ['crm'])).continued).toEqual([]);
  });

  it.each(['1-0', 'x'])('waits while its entry cannot be of its keys: %s', async (entry) => {
    expect((await released([bulk({ entry })])).continued).toEqual([]);
  });

  it('does not wait for keys that other rotations have published', async () => {
    const { entry: _, ...one } = bulk();
    expect((await released([one], {})).continued).toEqual([one.id]);
  });

  it('is not held up by one that cannot be read', async () => {
    const one = bulk();
    expect(await released([new Error('LEDGER_CORRUPT'), one])).toEqual({
      continued: [one.id],
      events: ['canary_check_failed', 'bulk_canary_acknowledged'],
    });
  });
});
