import { afterEach, describe, expect, it } from '@jest/globals';
import { attentionOf, startOperator, type Operator, type OperatorOptions } from './operator.ts';

type Status = Parameters<typeof attentionOf>[0];
const status = (more: object = {}) => ({ uncertainCount: 0, quarantinedCount: 0, frozen: null, ...more }) as unknown as Status;

let operator: Operator;
afterEach(() => operator.stop());

/** A gateway whose sweeps release an org after so many of them, or when what they find is accepted. */
const operating = ({ releasedAfter, differs, away = false }: { releasedAfter: number; differs: boolean; away?: boolean }) => {
  const sweeps: object[] = [];
  let held = ['org_1'];
  const client = {
    getStatus: async () => {
      if (away) throw new Error('UNAVAILABLE');
      return status();
    },
    createSweep: async (request: { acceptRemovals?: boolean }) => {
      sweeps.push(request);
      if (request.acceptRemovals || sweeps.length >= releasedAfter) held = [];
      return { id: 'swp_1' };
    },
    getSweep: async () => ({ state: 'SUCCEEDED' }),
  } as unknown as OperatorOptions['client'];
  operator = startOperator({ client, pause: (ms) => new Promise((resolve) => void setTimeout(resolve, ms / 100)), heldOrgs: async () => held, differs: async () => differs });
  return sweeps;
};

describe('the operator', () => {
  it('sweeps an org that is held, and accepts nothing if that releases it', async () => {
    const sweeps = operating({ releasedAfter: 2, differs: true });
    await operator.act();
    expect([sweeps, operator.done()]).toEqual([[{ orgId: 'org_1' }, { orgId: 'org_1' }], { 'sweep of a held org': 2 }]);
    expect(operator.seen()['ORG_HELD']).toBeGreaterThan(0);
  });

  it('accepts removals only if what is published differs from the truth', async () => {
    const sweeps = operating({ releasedAfter: 99, differs: true });
    await operator.act();
    expect(sweeps.at(-1)).toEqual({ orgId: 'org_1', acceptRemovals: true });
    await operator.stop();
    const others = operating({ releasedAfter: 99, differs: false });
    await operator.act();
    expect([others, operator.done()]).toEqual([[{ orgId: 'org_1' }, { orgId: 'org_1' }], { 'sweep of a held org': 2, 'held although nothing differs': 1 }]);
  });

  it('notes what status says, and nothing while nobody answers', async () => {
    operating({ releasedAfter: 1, differs: false });
    await operator.act();
    expect(operator.samples()[0]).toEqual({ atMs: expect.any(Number), says: true });
    while (operator.samples().at(-1)!.says) await new Promise((resolve) => void setTimeout(resolve, 1));
    await operator.stop();
    operating({ releasedAfter: 1, differs: false, away: true });
    await operator.act();
    expect(operator.samples()).toEqual([]);
  });
});

describe('attentionOf', () => {
  it('goes by what status names; of a version that names nothing, by what it counts', () => {
    operating({ releasedAfter: 1, differs: false });
    expect(attentionOf(status({ attention: [], uncertainCount: 3 }), ['org_1'])).toEqual([]);
    expect(attentionOf(status({ attention: [{ code: 'NO_WORKER', subject: '' }] }), [])).toEqual([{ code: 'NO_WORKER', subject: '' }]);
    expect(attentionOf(status(), [])).toEqual([]);
    expect(attentionOf(status({ uncertainCount: 3, frozen: {} }), ['org_1']).map(({ code }) => code)).toEqual(['ORG_HELD', 'UNCERTAIN', 'FROZEN']);
  });
});
