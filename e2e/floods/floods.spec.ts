import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startGatewayUnderFlood, type GatewayUnderFlood } from './gateway-under-flood.ts';
import { runFloods, verdictOf } from './run-floods.ts';

let gateway: GatewayUnderFlood;
beforeAll(async () => {
  // A twentieth of the floods reaches these limits, also while other tests take the CPU.
  gateway = await startGatewayUnderFlood({
    GATEWAY_MAX_CONNECTIONS: '100',
    GATEWAY_MAX_CALLS: '200',
    GATEWAY_MAX_WAITS: '200',
    GATEWAY_MAX_WATCHES: '200',
    GATEWAY_MAX_UPLOADS: '10',
  });
});
afterAll(() => gateway.stop());

it('a gateway survives each flood, answers health checks meanwhile, and keeps no memory', async () => {
  const run = await runFloods(gateway, 0.05);
  // Other tests run at the same time: the time of a check is measured by npm run floods.
  expect(verdictOf(run, { http: 5000, calls: 5000 })).toEqual({
    crashes: 0,
    slow: [],
    slowCalls: [],
    kept: [],
  });
  const refused = Object.keys(Object.assign({}, ...run.results.map((result) => result.refused)));
  expect(refused).toEqual(
    expect.arrayContaining([
      'uploads',
      'calls',
      'waits',
      'watches',
      'health-watches',
      'reflection',
      'control-frames',
      'metadata',
    ]),
  );
}, 300_000);
