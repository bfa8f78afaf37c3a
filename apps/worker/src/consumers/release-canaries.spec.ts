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
    positions: { reach: (name) => states[name] } as ConsumerPositions,
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
  it.each<[string, Partial<BulkRotation>, Record<string, AcknowledgementState>, string[], boolean]>([
    ['continues when all live ones have its keys', {}, { billing: 'ACKNOWLEDGED', crm: 'GONE' }, [], true],
    ['waits for each live one', {}, { billing: 'ACKNOWLEDGED', crm: 'PENDING' }, [], false],
    ['waits while none is live', {}, { billing: 'GONE' }, [], false],
    ['waits for one whose entry is lost', {}, { billing: 'ACKNOWLEDGED' }, ['crm'], false],
    ['waits if its entry is older than itself', { entry: '1-0' }, { billing: 'ACKNOWLEDGED' }, [], false],
    ['waits if its entry is none', { entry: 'x' }, { billing: 'ACKNOWLEDGED' }, [], false],
    ['does not wait for keys that others have published', { entry: undefined }, {}, [], true],
  ])('%s', async (_what, more, states, lost, continues) => {
    const one = bulk(more);
    expect((await released([one], states, lost)).continued).toEqual(continues ? [one.id] : []);
  });

  it('is not held up by one that cannot be read', async () => {
    const one = bulk();
    expect(await released([new Error('LEDGER_CORRUPT'), one])).toEqual({
      continued: [one.id],
      events: ['canary_check_failed', 'bulk_canary_acknowledged'],
    });
  });
});
