import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createConnectProxy, type ConnectProxy, type ConnectProxyOptions } from '@rekey/testing';
import { startRekey } from '../support/rekey.ts';
import { startSystem, type System } from '../support/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem({ worker: false });
});
afterAll(() => system.stop());

const proxies: ConnectProxy[] = [];
const proxyOf = async (options: ConnectProxyOptions = {}) => {
  const proxy = await createConnectProxy(options);
  proxies.push(proxy);
  return { proxy, url: `http://user:hunter2@127.0.0.1:${proxy.port}` };
};
afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.close();
});
const simulatorPort = () => Number(new URL(system.environment['INVENT_BASE_URL']!).port);
const invent = { INVENT_BASE_URL: 'http://invent.test', INVENT_PLAIN_HTTP_HOSTS: 'invent.test' };

describe('a worker', () => {
  it('rotates through the proxy of its environment; only the proxy gets the credentials', async () => {
    const { proxy, url } = await proxyOf({ portOf: () => simulatorPort() });
    const worker = await system.startWorker({
      ...invent,
      HTTP_PROXY: url,
      NO_PROXY: 'elsewhere.test',
      NODE_USE_ENV_PROXY: '1',
    });
    expect(await system.rotateAndWait('ast_1')).toMatchObject({ state: 'SUCCEEDED', attemptCount: 1 });
    expect([...new Set(proxy.targets)]).toEqual(['invent.test:80']);
    expect(proxy.forwarded).toEqual([]);
    expect(proxy.headers[0]!['proxy-authorization']).toBe(
      `Basic ${Buffer.from('user:hunter2').toString('base64')}`,
    );
    expect(worker.output()).toContain(`"proxy":"http://127.0.0.1:${proxy.port}","variable":"HTTP_PROXY"`);
    expect(worker.output()).not.toContain('hunter2');
    await worker.child.kill();
  });

  it('reaches loopback without a proxy, even with NODE_USE_ENV_PROXY', async () => {
    const { proxy, url } = await proxyOf({ refuseWith: 'silent' });
    const worker = await system.startWorker({
      HTTP_PROXY: url,
      http_proxy: url,
      HTTPS_PROXY: url,
      https_proxy: url,
      NODE_USE_ENV_PROXY: '1',
    });
    expect(await system.rotateAndWait('ast_2')).toMatchObject({ state: 'SUCCEEDED', attemptCount: 1 });
    expect([proxy.targets, proxy.forwarded]).toEqual([[], []]);
    await worker.child.kill();
  });

  it('does not start with an unusable proxy, and names the variable', async () => {
    const start = system.startWorker({ ...invent, http_proxy: 'socks5://hunter2:1080' });
    const failure = await start.then(
      () => '',
      (error: Error) => error.message,
    );
    expect(failure).toContain('http_proxy: must be an http:// or https:// URL');
    expect(failure).not.toContain('hunter2');
  });
});

describe('rekey', () => {
  it('reaches a gateway on loopback without the proxy of the environment', async () => {
    const { proxy, url } = await proxyOf({ refuseWith: 'silent' });
    const env = {
      http_proxy: url,
      https_proxy: url,
      grpc_proxy: url,
      HTTP_PROXY: url,
      HTTPS_PROXY: url,
      NODE_USE_ENV_PROXY: '1',
    };
    expect(await startRekey(system, ['health'], { env }).result).toMatchObject({
      code: 0,
      out: expect.stringContaining('SERVING'),
    });
    expect(await startRekey(system, ['list'], { env }).result).toMatchObject({ code: 0 });
    expect(proxy.targets).toEqual([]);
  });

  it.each([['health'], ['doctor']])(
    'ends even if a proxy never answers: %s',
    async (command) => {
      const { proxy, url } = await proxyOf({ refuseWith: 'silent' });
      const env = {
        ...system.environment,
        grpc_proxy: url,
        INVENT_API_KEY: 'key',
        ...invent,
        HTTP_PROXY: url,
      };
      expect(
        (await startRekey(system, [command, '--gateway', 'gateway.test:50051'], { env }).result).code,
      ).toBe(command === 'health' ? 2 : 1);
      expect(proxy.targets).toContain('gateway.test:50051');
    },
    60_000,
  );
});
