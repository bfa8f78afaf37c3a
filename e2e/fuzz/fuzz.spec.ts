import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startGatewayUnderFlood, type GatewayUnderFlood } from '../floods/gateway-under-flood.ts';
import { runFuzz, verdictOf } from './run-fuzz.ts';

let gateway: GatewayUnderFlood;
beforeAll(async () => {
  gateway = await startGatewayUnderFlood({ REKEY_MAX_OPEN_ROTATIONS: '2000' });
});
afterAll(() => gateway?.stop());

it('a gateway survives 10,000 mutated messages, foresees each error, and keeps no memory', async () => {
  const result = await runFuzz(gateway, 10_000, 1);
  // Other tests run at the same time: the time of a check is measured by npm run fuzz.
  expect({ wrong: verdictOf(result, { http: 5000, calls: 5000 }), unhandled: result.unhandled }).toEqual({
    wrong: [],
    unhandled: [],
  });
  expect(result.sent.messages).toBeGreaterThanOrEqual(10_000);
  expect(result.sent.answered).toBeGreaterThan(5_000);
  // They reach the handlers, and what is in front of them.
  expect(Object.keys(result.codes)).toEqual(
    expect.arrayContaining(['OK', 'INVALID_ARGUMENT', 'NOT_FOUND', 'RESOURCE_EXHAUSTED', 'UNIMPLEMENTED']),
  );
}, 300_000);
