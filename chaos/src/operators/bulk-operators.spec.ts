import { describe, expect, it } from '@jest/globals';
import { RekeyClientError, type RekeyClient } from '@rekey/client';
import { createRandom } from '../random.ts';
import { rotateInBulk } from './bulk-operators.ts';

const corrupt = () =>
  Object.assign(Object.create(RekeyClientError.prototype) as Error, { code: 'LEDGER_CORRUPT' });

/** A gateway whose first bulk rotation is in a state that a writer in Redis has brought about. */
const operating = async (first: { get?: object; items?: { assistantId: string; state: string }[] }) => {
  let made = 0;
  const calls: string[] = [];
  const bulkOf = (id: string, more: object) => ({
    id,
    state: 'COMPLETED',
    createTime: new Date(0),
    counts: { succeeded: 1, shared: 0, total: 1, unknown: 0, failed: 0 },
    ...more,
  });
  const states: Record<string, object> = {};
  const client = {
    createBulkRotation: async () => {
      const id = `blk_${(made += 1)}`;
      calls.push(`create ${id}`);
      states[id] = made === 1 && first.get ? first.get : {};
      return bulkOf(id, made === 1 ? { state: 'RUNNING' } : {});
    },
    getBulkRotation: async (id: string) => {
      if ('error' in states[id]!) throw corrupt();
      return bulkOf(id, states[id]!);
    },
    cancelBulkRotation: async (id: string) => {
      calls.push(`cancel ${id}`);
      const { list } = states[id] as { list?: object };
      states[id] = { state: 'CANCELLED', list };
      return bulkOf(id, states[id]);
    },
    listBulkRotationItems: async ({ id }: { id: string }) => ({
      items: (id === 'blk_1' && first.items) || [{ assistantId: 'ast_1', state: 'SUCCEEDED' }],
    }),
  };
  const { outcomes } = await rotateInBulk({
    client: client as unknown as RekeyClient,
    orgId: 'org_1',
    random: createRandom(1),
    pause: async () => {},
    showProgress: () => {},
    interferes: false,
    isSpoilt: true,
  });
  return { calls, outcomes: [...outcomes.keys()] };
};

describe('operators of a bulk rotation beside a writer in Redis', () => {
  it('cancel one that cannot be read, and request another one', async () => {
    expect(await operating({ get: { error: true } })).toEqual({
      calls: ['create blk_1', 'cancel blk_1', 'create blk_2'],
      outcomes: ['ast_1'],
    });
  });

  it('cancel one whose list is incomplete before anything is rotated, and request all again', async () => {
    const get = { state: 'HALTED', stop: { reason: 'LIST_INCOMPLETE' }, list: { incomplete: true } };
    const items = [{ assistantId: 'ast_2', state: 'CANCELLED' }];
    expect(await operating({ get, items })).toEqual({
      calls: ['create blk_1', 'cancel blk_1', 'create blk_2'],
      outcomes: ['ast_1'],
    });
  });

  it('cancel one whose list of assistants is damaged, and request another one', async () => {
    const get = { state: 'HALTED', stop: { reason: 'LEDGER_CORRUPT' } };
    const items = [{ assistantId: '', state: 'CANCELLED' }];
    expect((await operating({ get, items })).calls).toEqual([
      'create blk_1',
      'cancel blk_1',
      'cancel blk_1',
      'create blk_2',
    ]);
  });
});
