import { createHmac } from 'node:crypto';
import { chmod, copyFile, lstat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import {
  baseEnvironment,
  createAuthority,
  repositoryRoot,
  startChild,
  type CertificateAuthority,
  type Child,
} from '@rekey/testing';
import { describeIf } from '../support/describe-if.ts';
import { startRekey } from '../support/rekey.ts';
import { eventually, startSystem, type System } from '../support/system.ts';
import { useFolder } from '../support/temporary-folder.ts';
import { ask } from './agent-system.ts';
import { canMakeNamespaces, createNetworkNamespace, type NetworkNamespace } from './network-namespace.ts';

const CALLER = 'spiffe://example.com/billing';
const CONFIG = (address: string) => `
consumer: billing
key_file: billing.json
gateway:
  address: ${address}
  tls: {ca_file: ca.pem, cert_file: billing.pem, key_file: billing.key}
http: {socket: {path: agent.sock}}
files: [{path: keys.json, format: json}]
cache: {path: keys.cache, every: 100ms}
ready_timeout: 15s
stale_after: 1s
`;

interface Running {
  child: Child;
  output(): string;
}

describeIf(canMakeNamespaces())('a consumer on a machine that reaches only the port of a gateway', () => {
  const folder = useFolder('other-network');
  const path = (name: string): string => join(folder(), name);
  let system: System;
  let authority: CertificateAuthority;
  let network: NetworkNamespace;
  let gatewayPort: number;
  const running: Running[] = [];

  /** Runs a program on the other network. */
  const start = (program: string, args: string[], env: Record<string, string> = {}): Running => {
    const command = [process.execPath, '--conditions=@rekey/source', join(repositoryRoot, program), ...args];
    const [first, ...rest] = [...network.enter, ...command];
    const child = startChild(first!, rest, { env: { ...baseEnvironment(), ...env } });
    let output = '';
    for (const stream of [child.process.stdout, child.process.stderr])
      stream?.on('data', (chunk) => (output += chunk));
    const one = { child, output: () => output };
    running.push(one);
    return one;
  };
  const startAgent = async (): Promise<Running> => {
    const agent = start('apps/cli/src/main.ts', ['agent', '--config', path('agent.yaml')]);
    await eventually(
      async () => agent.output(),
      (text) => text.includes('"event":"ready"'),
      60_000,
    );
    return agent;
  };
  const hashInForce = async (): Promise<string> =>
    createHmac('sha256', (await system.trueKey('ast_1'))!)
      .update('user-42')
      .digest('hex');
  const userHash = async () =>
    (await ask(path('agent.sock'), 'POST', '/v1/assistants/ast_1/user-hash', { user_id: 'user-42' })).json;
  const health = () => ask(path('agent.sock'), 'GET', '/healthz');
  const startSdk = () =>
    start('e2e/agent/sdk-main.ts', [], {
      GATEWAY: `${network.hostAddress}:${gatewayPort}`,
      CA: path('ca.pem'),
      CERT: path('billing.pem'),
      KEY: path('billing.key'),
      KEY_FILE: path('billing.json'),
    });
  const untilPrinted = ({ output }: Running, text: string) =>
    eventually(
      async () => output(),
      (printed) => printed.includes(text),
      60_000,
    );

  beforeAll(async () => {
    [system, authority, network] = await Promise.all([
      startSystem(),
      createAuthority(),
      createNetworkNamespace(),
    ]);
    const [served, own] = await Promise.all([
      authority.issue('gateway', [`IP:${network.hostAddress}`]),
      authority.issue('billing', [`URI:${CALLER}`]),
    ]);
    await writeFile(
      path('access.yaml'),
      JSON.stringify({ bindings: [{ principals: [`uri:${CALLER}`], role: 'consumer:billing' }] }),
    );
    for (const [from, to] of [
      [authority.cert, 'ca.pem'],
      [own.cert, 'billing.pem'],
      [own.key, 'billing.key'],
    ] as const)
      await copyFile(from, path(to));
    await chmod(path('billing.key'), 0o600);
    const gateway = await system.startGateway({
      GRPC_ADDRESS: `${network.hostAddress}:0`,
      GRPC_TLS_CERT_FILE: served.cert,
      GRPC_TLS_KEY_FILE: served.key,
      GRPC_CLIENT_CA_FILE: authority.cert,
      REKEY_ACCESS_FILE: path('access.yaml'),
      GATEWAY_HEALTH_ADDRESS: '127.0.0.1:0',
    });
    gatewayPort = Number(gateway.ready['address']!.split(':').at(-1));
    const rekey = (...args: string[]) => startRekey(system, args).result;
    const results = [
      await rekey('consumer', 'keygen', path('billing.json')),
      await rekey('consumer', 'add', 'billing', '--key-file', path('billing.json'), '--org', '*'),
    ];
    results.push(await rekey('rotate', 'org_demo', 'ast_1', '--wait'));
    const failed = results.find(({ code }) => code !== 0);
    if (failed) throw new Error(failed.err);
    await writeFile(path('agent.yaml'), CONFIG(`${network.hostAddress}:${gatewayPort}`));
  });
  afterAll(async () => {
    for (const { child } of running) await child.kill();
    await network.remove();
    await Promise.all([system.stop(), authority.dispose()]);
  });

  it('reaches the gateway, and neither Redis, nor Invent, nor another network', async () => {
    const { hostAddress, connectionTo } = network;
    const redisPort = Number(new URL(system.redisServer.url).port);
    const inventPort = Number(new URL(system.simulator.ready['address']!).port);
    expect(await connectionTo(hostAddress, gatewayPort)).toBe('connected');
    expect(await connectionTo(hostAddress, redisPort)).toBe('ECONNREFUSED');
    expect(await connectionTo('127.0.0.1', redisPort)).toBe('ECONNREFUSED');
    expect(await connectionTo(hostAddress, inventPort)).toBe('ECONNREFUSED');
    expect(await connectionTo('192.0.2.1', 443)).toBe('ENETUNREACH');
  });

  it('signs with the key in force, through the agent and with the SDK, and acknowledges', async () => {
    const [agent, sdk] = [await startAgent(), startSdk()];
    await untilPrinted(sdk, `hash ${await hashInForce()}`);
    const rotated = await startRekey(system, [
      'rotate',
      'org_demo',
      'ast_1',
      '--wait',
      '--acknowledged',
      '--timeout',
      '60',
    ]).result;
    expect([rotated.code, rotated.err]).toEqual([0, expect.not.stringContaining('error')]);
    const hash = await hashInForce();
    expect(await userHash()).toMatchObject({ user_hash: hash, source: 'rekey' });
    expect((await health()).status).toBe(200);
    await untilPrinted(sdk, `hash ${hash}`);
    await sdk.child.kill();
    expect(agent.output()).not.toMatch(/REDIS_/);
  });

  it('that reaches nothing says so, starts from its sealed cache, and says how old that is', async () => {
    const before = await hashInForce();
    // It is written again with the key that is in force now.
    const startMs = Date.now();
    await eventually(
      () => lstat(path('keys.cache')),
      ({ mtimeMs }) => mtimeMs > startMs,
      60_000,
    );
    await network.cut();
    const stale = await eventually(health, ({ status }) => status === 503, 60_000);
    expect(stale.json).toMatchObject({ status: 'stale' });
    const [old] = running;
    await old!.child.kill();
    expect((await startRekey(system, ['rotate', 'org_demo', 'ast_1', '--wait']).result).code).toBe(0);
    const agent = await startAgent();
    const signed = await userHash();
    expect(signed).toMatchObject({ user_hash: before, source: 'cache' });
    expect(signed['age_ms']).toBeGreaterThan(1000);
    expect(await health()).toMatchObject({ status: 503, json: { status: 'stale', source: 'cache' } });
    const used = agent.output().match(/^.*"event":"agent_cache_used".*$/m)?.[0];
    expect(JSON.parse(used ?? '{}')).toMatchObject({ age_ms: expect.any(Number), keys: 1 });
    await network.join();
    await eventually(userHash, ({ source }) => source === 'rekey', 60_000);
    expect((await userHash())['user_hash']).toBe(await hashInForce());
  });
});
