import { describe, expect, it } from '@jest/globals';
import { loadContract } from '@rekey/rpc';
import { permissions } from '@rekey/access';
import type { Rpc } from './pipeline/rpc.ts';
import { createRpcTable, type RpcDeps } from './rpc-table.ts';

const table = createRpcTable({} as RpcDeps) as unknown as Record<string, Record<string, Rpc>>;
const rows = Object.values(table).flatMap((rpcs) => Object.values(rpcs));

describe('the table of RPCs', () => {
  it('has a row of the right kind for each method of the contract', () => {
    const contract = Object.entries(loadContract().v1).flatMap(([name, definition]) =>
      'service' in definition
        ? Object.values(definition.service).map(({ path, requestStream, responseStream }) => {
            const kind = requestStream ? 'client-stream' : responseStream ? 'server-stream' : 'unary';
            return `${name}/${path.split('/')[2]}: ${kind}`;
          })
        : [],
    );
    const served = Object.entries(table).flatMap(([name, rpcs]) =>
      Object.entries(rpcs).map(([method, { kind }]) => `${name}/${method}: ${kind}`),
    );
    expect(served.toSorted()).toEqual(contract.toSorted());
  });

  it('uses every permission', () => {
    const used = new Set(
      rows.flatMap(({ permission, ofOthers }) => [permission, ...(ofOthers ? [ofOthers] : [])]),
    );
    expect([...used].toSorted()).toEqual(Object.keys(permissions).toSorted());
  });

  it('lets a viewer only read', () => {
    const viewed = rows.filter(({ permission }) => permissions[permission].role === 'viewer');
    expect(viewed.filter(({ effect }) => effect !== 'read')).toEqual([]);
  });
});
