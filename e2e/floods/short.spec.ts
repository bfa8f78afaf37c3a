import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { runFuzz } from '../fuzz/run-fuzz.ts';
import { floods } from './floods.ts';
import { startGatewayUnderFlood, type GatewayUnderFlood } from './gateway-under-flood.ts';

/*
 * All floods at once, and some of the mutated messages: a short form of `floods.spec.ts` and `fuzz.spec.ts`,
 * which are trials.
 */

let gateway: GatewayUnderFlood;
beforeAll(async () => {
  gateway = await startGatewayUnderFlood({
    GATEWAY_MAX_CONNECTIONS: '40',
    GATEWAY_MAX_CALLS: '100',
    GATEWAY_MAX_WAITS: '100',
    GATEWAY_MAX_WATCHES: '100',
    GATEWAY_MAX_UPLOADS: '10',
    REKEY_MAX_OPEN_ROTATIONS: '500',
  });
});
afterAll(() => gateway?.stop());

it('a gateway survives all floods at once, and answers afterwards', async () => {
  const target = { ...gateway.target, scale: 0.02 };
  await Promise.all(floods.map((flood) => flood.run(target)));
  gateway.takeChecks();
  const checks = [];
  while (checks.length < 2) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    checks.push(...gateway.takeChecks().filter(({ tookMs }) => tookMs < 5000));
  }
  expect(gateway.isAlive()).toBe(true);
  // Which limits they reach in a second depends on the machine.
  expect(Object.keys(await gateway.refused()).length).toBeGreaterThan(0);
});

it('a gateway survives mutated messages, and foresees each error', async () => {
  const { crashed, unhandled, sent } = await runFuzz(gateway, 1000, 3, { warmUp: 0 });
  expect({ crashed, unhandled }).toEqual({ crashed: false, unhandled: [] });
  expect(sent.answered).toBeGreaterThan(500);
});
