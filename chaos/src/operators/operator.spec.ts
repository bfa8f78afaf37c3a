import { afterEach, describe, expect, it } from '@jest/globals';
import type { RekeyClient } from '@rekey/client';
import { startOperator, type Operator } from './operator.ts';

let operator: Operator;
afterEach(() => operator.stop());

/** A gateway that releases an org after `releasedAfter` sweeps, or when a sweep accepts removals. */
const operating = ({
  releasedAfter,
  differs,
  away = false,
  others = [],
  publishedAfter = 0,
}: {
  publishedAfter?: number;
  releasedAfter: number;
  differs: boolean;
  away?: boolean;
  others?: { code: string; subject: string }[];
}) => {
  const sweeps: object[] = [];
  const opened: object[] = [];
  let held = ['org_1'];
  const client = {
    getStatus: async () => {
      if (away) throw new Error('UNAVAILABLE');
      return { attention: [...held.map((subject) => ({ code: 'ORG_HELD', subject })), ...others] };
    },
    openBudget: async (request: object) => opened.push(request),
    createSweep: async (request: { acceptRemovals?: boolean }) => {
      sweeps.push(request);
      if (request.acceptRemovals || sweeps.length >= releasedAfter) held = [];
      return { id: 'swp_1' };
    },
    getSweep: async () => ({ state: 'SUCCEEDED' }),
  } as unknown as RekeyClient;
  operator = startOperator({
    watcher: client,
    operator: client,
    admin: client,
    pause: (ms) => new Promise((resolve) => void setTimeout(resolve, ms / 100)),
    heldOrgs: async () => held,
    isAccepting: async () => sweeps.length < publishedAfter,
    differs: async () => differs,
  });
  return { sweeps, opened };
};

describe('the operator', () => {
  it('sweeps a held org, and accepts nothing if that releases it', async () => {
    const { sweeps } = operating({ releasedAfter: 2, differs: true });
    await operator.act();
    expect([sweeps, operator.actions()]).toEqual([
      [{ orgId: 'org_1' }, { orgId: 'org_1' }],
      { 'sweep of a held org': 2 },
    ]);
    expect(operator.codes()['ORG_HELD']).toBeGreaterThan(0);
  });

  it('accepts removals only if the published keys differ from the truth', async () => {
    const { sweeps } = operating({ releasedAfter: 99, differs: true });
    await operator.act();
    expect(sweeps.at(-1)).toEqual({ orgId: 'org_1', acceptRemovals: true });
    await operator.stop();
    const { sweeps: others } = operating({ releasedAfter: 99, differs: false });
    await operator.act();
    expect([others, operator.actions()]).toEqual([
      [{ orgId: 'org_1' }, { orgId: 'org_1' }],
      { 'sweep of a held org': 2, 'held although nothing differs': 1 },
    ]);
  });

  it('sweeps again until the accepted removals are published', async () => {
    const { sweeps } = operating({ releasedAfter: 99, differs: true, publishedAfter: 5 });
    await operator.act();
    expect(sweeps.slice(2)).toEqual([
      { orgId: 'org_1', acceptRemovals: true },
      { orgId: 'org_1' },
      { orgId: 'org_1' },
    ]);
  });

  it('opens a closed budget', async () => {
    const { opened } = operating({
      releasedAfter: 1,
      differs: false,
      others: [{ code: 'BUDGET_CLOSED', subject: 'default' }],
    });
    await operator.act();
    expect([opened, operator.actions()]).toEqual([
      [{ egress: 'default' }],
      { 'sweep of a held org': 1, 'budget opened': 1 },
    ]);
  });

  it('does not count a past rollback as a warning', async () => {
    operating({ releasedAfter: 1, differs: false, others: [{ code: 'ROLLED_BACK', subject: 'ast_1' }] });
    await operator.act();
    await operator.act();
    expect([
      operator.samples()[0]!.needsOperator,
      operator.samples().at(-1)!.needsOperator,
      operator.codes()['ROLLED_BACK']! > 0,
    ]).toEqual([true, false, true]);
  });

  it('keeps what status says, and nothing while the gateway is away', async () => {
    operating({ releasedAfter: 1, differs: false });
    await operator.act();
    expect(operator.samples()[0]).toEqual({ atMs: expect.any(Number), needsOperator: true });
    while (operator.samples().at(-1)!.needsOperator)
      await new Promise((resolve) => void setTimeout(resolve, 1));
    await operator.stop();
    operating({ releasedAfter: 1, differs: false, away: true });
    await operator.act();
    expect(operator.samples()).toEqual([]);
  });
});
