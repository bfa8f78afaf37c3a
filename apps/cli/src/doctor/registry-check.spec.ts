import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadContract, unary } from '@rekey/rpc';
import { checkRegistry } from './registry-check.ts';

let server: Server;
let gateway: string;
let status: object;
beforeAll(async () => {
  server = new Server();
  server.addService(loadContract().v1.SystemService.service, {
    GetStatus: unary(
      async () => status,
      () => {},
    ),
  } as unknown as UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  gateway = `127.0.0.1:${port}`;
});
afterAll(() => server.forceShutdown());

const item = (code: string, subject = '') => ({ code, subject, message: 'Why.', advice: 'Do this.' });

describe('the check of the registry', () => {
  it.each([
    ['REGISTRY_KEY_MISSING', 'fail'],
    ['REGISTRY_KEY_OTHER', 'fail'],
    ['REGISTRY_NOT_TAKEN_OVER', 'fail'],
    ['REGISTRY_UNTRUSTED', 'fail'],
    ['REGISTRY_ROLLED_BACK', 'warn'],
    ['CONSUMER_ALTERED', 'warn'],
  ])('shows %s as the gateway does: %s', async (code, found) => {
    status = { attention: [item('SWEEP_NEVER'), item(code)], registry: { registryRev: 3 } };
    expect(await checkRegistry({ gateway })).toEqual([
      { check: 'registry', status: found, message: `${code} Why.`, advice: 'Do this.' },
    ]);
  });

  it('is ok if the gateway reports nothing about it', async () => {
    status = { attention: [item('CONSUMER_GONE', 'billing')], registry: { registryRev: 3 } };
    expect(await checkRegistry({ gateway })).toEqual([
      { check: 'registry', status: 'ok', message: 'the gateway has verified revision 3' },
    ]);
    status = { attention: [] };
    expect(await checkRegistry({ gateway })).toEqual([]);
  });

  it('says that it was not checked if the gateway does not answer', async () => {
    expect(await checkRegistry({ gateway: '127.0.0.1:1' })).toMatchObject([
      { check: 'registry', status: 'fail', away: true, message: expect.stringContaining('not checked') },
    ]);
  });
});
