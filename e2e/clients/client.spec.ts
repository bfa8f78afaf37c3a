import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type TlsOptions } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  RekeyClientError,
  createRekeyClient,
  type BulkRotation,
  type RekeyClient,
  type RekeyClientOptions,
} from '@rekey/client';
import { type App, baseEnvironment, freePort, repositoryRoot } from '@rekey/testing';
import { eventually, startSystem, type System } from '../support/system.ts';

const run = promisify(execFile);

let system: System;
let address: string;
/** The running gateway, always at the same address. */
let gateway: App;
beforeAll(async () => {
  address = `127.0.0.1:${await freePort()}`;
  system = await startSystem({ simulator: ['--assistants', '3000'], gateway: { GRPC_ADDRESS: address } });
  gateway = system.gateway;
});
afterAll(() => system.stop());

const clients: RekeyClient[] = [];
const client = (options: Partial<RekeyClientOptions> = {}): RekeyClient => {
  const created = createRekeyClient({ address, ...options });
  clients.push(created);
  return created;
};
afterEach(() => {
  for (const created of clients.splice(0)) created.close();
});

const killGateway = () => gateway.child.kill();
const startGateway = async () => {
  gateway = await system.startGateway({ GRPC_ADDRESS: address });
};

const failureOf = async (call: Promise<unknown>): Promise<RekeyClientError> => {
  const error: unknown = await call.then(
    () => {
      throw new Error('the call did not fail');
    },
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(RekeyClientError);
  return error as RekeyClientError;
};

const rotationsOf = async (assistantId: string): Promise<number> =>
  (await system.admin('GET', `/assistants/${assistantId}`)).rotations;

describe('rotateAndWait', () => {
  it('resolves when the new key is in force', async () => {
    const rotation = await client().rotateAndWait({
      orgId: 'org_demo',
      assistantId: 'ast_1',
      reason: 'leak',
    });
    expect(rotation).toMatchObject({
      state: 'SUCCEEDED',
      cause: 'ROTATION',
      reason: 'leak',
      attemptCount: 1,
      endTime: expect.any(Date),
    });
    const [opened, assistant] = await Promise.all([system.openLast('ast_1'), client().getAssistant('ast_1')]);
    expect(opened).toMatchObject({
      version: rotation.version,
      assistant: { secret_key: await system.trueKey('ast_1') },
    });
    expect(assistant).toMatchObject({
      version: rotation.version,
      rotationId: rotation.id,
      sealed: expect.any(String),
    });
  });

  it('continues if the gateway is killed while it waits, and rotates once', async () => {
    await client().freeze({ reason: 'until the gateway is back' });
    const waiting = client().rotateAndWait({ orgId: 'org_demo', assistantId: 'ast_2' });
    await eventually(
      () => system.client.listRotations({ assistantId: 'ast_2' }),
      ({ rotations }) => rotations.length === 1,
    );
    await killGateway();
    await startGateway();
    await client().ready();
    await client().unfreeze();
    expect(await waiting).toMatchObject({ state: 'SUCCEEDED', assistantId: 'ast_2' });
    expect(await rotationsOf('ast_2')).toBe(1);
  });

  it('retries until the gateway is back, with one request_id', async () => {
    await killGateway();
    const waiting = client().rotateAndWait({ orgId: 'org_demo', assistantId: 'ast_3' });
    await startGateway();
    const rotation = await waiting;
    expect(rotation).toMatchObject({
      state: 'SUCCEEDED',
      requestId: expect.stringMatching(/^[\da-f-]{36}$/),
    });
    expect(await rotationsOf('ast_3')).toBe(1);
    expect(
      await client().rotateSecretKey({
        orgId: 'org_demo',
        assistantId: 'ast_3',
        requestId: rotation.requestId!,
      }),
    ).toMatchObject({ id: rotation.id });
  });

  it('rejects with the reason of a failed rotation', async () => {
    expect(
      await failureOf(client().rotateAndWait({ orgId: 'org_demo', assistantId: 'ast_none' })),
    ).toMatchObject({
      code: 'ASSISTANT_NOT_FOUND',
      grpcStatus: 'NOT_FOUND',
      retryable: false,
      rotation: { state: 'FAILED', error: { upstreamStatus: 404 } },
    });
  });

  it('rejects at the timeout with the open rotation, which can be waited for again', async () => {
    await client().freeze({ reason: 'so that it takes longer' });
    const failure = await failureOf(
      client().rotateAndWait({ orgId: 'org_demo', assistantId: 'ast_4' }, { timeoutMs: 1500 }),
    );
    expect(failure).toMatchObject({
      code: 'ROTATION_NOT_ENDED',
      rotation: { state: 'QUEUED', assistantId: 'ast_4' },
    });
    await client().unfreeze();
    expect(await client().waitUntilSucceeded(failure.rotation!.id)).toMatchObject({
      id: failure.rotation!.id,
      state: 'SUCCEEDED',
    });
  });

  it('reports the invalid fields', async () => {
    expect(await failureOf(client().rotateAndWait({ orgId: '', assistantId: 'a/b' }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      rotation: undefined,
      fieldViolations: [{ field: 'org_id' }, { field: 'assistant_id' }],
    });
  });
});

describe('bulk rotations', () => {
  it('are followed to their end if the gateway is killed, and rotate no assistant twice', async () => {
    const ids = Array.from({ length: 400 }, (_, i) => `ast_${i + 101}`);
    const { id } = await client().createBulkRotation({
      orgId: 'org_demo',
      assistantIds: [...ids, 'ast_none'],
      reason: 'quarterly',
      maxFailures: { count: 1 },
    });
    await client().pauseBulkRotation(id);
    const seen: BulkRotation[] = [];
    let restarted: Promise<void> | undefined;
    for await (const bulk of client().watchBulkRotation(id)) {
      seen.push(bulk);
      restarted ??= (async () => {
        await killGateway();
        await startGateway();
        await client().ready();
        await client().resumeBulkRotation(id);
      })();
    }
    await restarted;
    expect(seen[0]!.state).not.toBe('COMPLETED');
    expect(seen.at(-1)).toMatchObject({
      id,
      state: 'COMPLETED',
      counts: { total: 401, failed: 1 },
      verification: { unverified: 0 },
    });
    const { succeeded, shared } = seen.at(-1)!.counts;
    expect(succeeded + shared).toBe(400);

    const failed = [];
    for await (const item of client().bulkItems(id, { state: 'FAILED' })) failed.push(item);
    expect(failed).toMatchObject([
      { assistantId: 'ast_none', state: 'FAILED', error: { reason: 'ASSISTANT_NOT_FOUND' } },
    ]);
    const all = [];
    for await (const { assistantId } of client().bulkItems(id)) all.push(assistantId);
    expect(all).toEqual([...ids, 'ast_none']);
    expect(await Promise.all(ids.slice(0, 50).map(rotationsOf))).toEqual(ids.slice(0, 50).map(() => 1));
  });

  it('are created with all their ids if the gateway restarts while they are sent', async () => {
    const ids = Array.from({ length: 100_000 }, (_, i) => `ast_dry_${i}`);
    let restarted: Promise<void> | undefined;
    let passes = 0;
    const created = await client().createBulkRotation({
      orgId: 'org_demo',
      validateOnly: true,
      assistantIds: async function* () {
        passes += 1;
        for (const [i, one] of ids.entries()) {
          if (i === 50_000 && restarted === undefined) {
            await killGateway();
            restarted = startGateway();
          }
          yield one;
        }
      },
    });
    await restarted;
    expect(passes).toBeGreaterThan(1);
    expect((await client().getBulkRotation(created.id)).counts.total).toBe(100_000);
    const all = [];
    for await (const bulk of client().bulkRotations({ orgId: 'org_demo' })) all.push(bulk);
    expect(all.filter(({ counts }) => counts.total === 100_000)).toHaveLength(1);
    await client()
      .cancelBulkRotation(created.id)
      .catch(() => {});
  });
});

describe('the other services', () => {
  it('create, read and delete a policy', async () => {
    const policy = await client().createRotationPolicy({
      orgId: 'org_demo',
      assistantIds: ['ast_1'],
      everyDays: 90,
      window: { cron: '0 3 * * *', timeZone: 'Europe/Berlin', lengthMs: 3_600_000 },
    });
    expect(policy).toMatchObject({
      assistantCount: 1,
      everyDays: 90,
      window: { lengthMs: 3_600_000 },
      nextDueTime: expect.any(Date),
      paused: false,
    });
    expect(await client().pauseRotationPolicy(policy.id)).toMatchObject({ paused: true });
    expect((await client().listRotationPolicies()).map(({ id }) => id)).toEqual([policy.id]);
    await client().deleteRotationPolicy(policy.id);
    expect(await failureOf(client().getRotationPolicy(policy.id))).toMatchObject({
      code: 'POLICY_NOT_FOUND',
    });
  });

  it('sweep, and return status', async () => {
    const { id } = await client().createSweep({ orgId: 'org_demo' });
    const sweep = await eventually(
      () => client().getSweep(id),
      ({ state }) => state === 'SUCCEEDED',
      40_000,
    );
    expect(sweep).toMatchObject({
      orgId: 'org_demo',
      counts: { compared: expect.any(Number) },
      endTime: expect.any(Date),
    });
    expect((await client().listSweeps()).map((one) => one.id)).toContain(id);
    expect(await client().getStatus()).toMatchObject({ quarantinedCount: 0, openIntents: [] });
    expect(await client().health()).toBe('SERVING');
  });
});

describe('TLS', () => {
  let folder: string;
  const closers: (() => void)[] = [];
  const file = (name: string) => join(folder, name);
  const pem = (name: string) => readFile(file(name), 'utf8');

  /**
   * Terminates TLS before the gateway, which speaks plain gRPC, as a load balancer does. Resolves with the
   * proxy's address.
   */
  const startTlsProxy = async (options: TlsOptions): Promise<string> => {
    const sockets = new Set<Socket>();
    const server = createServer({ ALPNProtocols: ['h2'], ...options }, (socket) => {
      const target = connect(Number(address.split(':')[1]), '127.0.0.1');
      for (const one of [socket, target]) {
        sockets.add(one);
        one.on('error', () => {});
        one.on('close', () => [socket, target].forEach((other) => other.destroy()));
      }
      socket.pipe(target).pipe(socket);
    });
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return `localhost:${(server.address() as { port: number }).port}`;
  };

  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder });
  const ca = (name: string) =>
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    );
  const signed = async (name: string, host: string) => {
    await writeFile(file(`${name}.ext`), `subjectAltName=DNS:${host}\n`);
    await openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${host}`,
    );
    await openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-out',
      `${name}.pem`,
      '-extfile',
      `${name}.ext`,
    );
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rekey-tls-'));
    await ca('ca');
    await ca('other-ca');
    await signed('server', 'localhost');
    await signed('elsewhere', 'rekey.internal');
    await signed('service', 'service');
  });
  afterAll(async () => {
    for (const close of closers) close();
    await rm(folder, { recursive: true });
  });

  const server = async (name = 'server') => ({
    cert: await pem(`${name}.pem`),
    key: await pem(`${name}.key`),
  });
  const serves = (options: Partial<RekeyClientOptions>) =>
    client({ deadlineMs: 3000, ...options }).getStatus();

  it('rotates through a proxy whose certificate the given authority signed', async () => {
    const proxied = await startTlsProxy(await server());
    expect(
      await client({ address: proxied, tls: { ca: { file: file('ca.pem') } } }).rotateAndWait({
        orgId: 'org_demo',
        assistantId: 'ast_5',
      }),
    ).toMatchObject({ state: 'SUCCEEDED' });
    expect(await serves({ address: proxied, tls: { ca: await pem('ca.pem') } })).toMatchObject({
      quarantinedCount: 0,
    });
  });

  it('refuses a certificate of another authority, of one only Node knows, or of another name', async () => {
    const proxied = await startTlsProxy(await server());
    expect(
      await failureOf(serves({ address: proxied, tls: { ca: await pem('other-ca.pem') } })),
    ).toMatchObject({ code: 'GATEWAY_UNAVAILABLE' });
    expect(await failureOf(serves({ address: proxied, tls: true }))).toMatchObject({
      code: 'GATEWAY_UNAVAILABLE',
    });
    const elsewhere = await startTlsProxy(await server('elsewhere'));
    expect(await failureOf(serves({ address: elsewhere, tls: { ca: await pem('ca.pem') } }))).toMatchObject({
      code: 'GATEWAY_UNAVAILABLE',
    });
    expect(
      await serves({ address: elsewhere, tls: { ca: await pem('ca.pem'), serverName: 'rekey.internal' } }),
    ).toMatchObject({ quarantinedCount: 0 });
  });

  it('sends its own certificate if the proxy requests one', async () => {
    const proxied = await startTlsProxy({
      ...(await server()),
      ca: await pem('ca.pem'),
      requestCert: true,
      rejectUnauthorized: true,
    });
    const own = { cert: { file: file('service.pem') }, key: { file: file('service.key') } };
    expect(await serves({ address: proxied, tls: { ca: await pem('ca.pem'), ...own } })).toMatchObject({
      quarantinedCount: 0,
    });
    expect(await failureOf(serves({ address: proxied, tls: { ca: await pem('ca.pem') } }))).toMatchObject({
      code: 'GATEWAY_UNAVAILABLE',
    });
  });

  it('sends no plain text to a port that speaks TLS, and no TLS to one that does not', async () => {
    const proxied = await startTlsProxy(await server());
    expect(await failureOf(serves({ address: proxied }))).toMatchObject({ code: 'GATEWAY_UNAVAILABLE' });
    expect(
      await failureOf(serves({ address: address.replace('127.0.0.1', 'localhost'), tls: true })),
    ).toMatchObject({ code: 'GATEWAY_UNAVAILABLE' });
  });

  it('works in the first example', async () => {
    const proxied = await startTlsProxy(await server());
    expect(
      await example('rotate-and-wait.ts', ['org_demo', 'ast_6'], {
        GRPC_ADDRESS: proxied,
        REKEY_CA_FILE: file('ca.pem'),
      }),
    ).toMatch(/^rot_\w{26} version \d+ is in force since 2\d{3}-/);
  });
});

const example = async (name: string, args: string[], env: Record<string, string> = {}): Promise<string> =>
  (
    await run(
      process.execPath,
      ['--conditions=@rekey/source', join(repositoryRoot, 'examples/node', name), ...args],
      { env: { ...baseEnvironment(), GRPC_ADDRESS: address, ...env } },
    )
  ).stdout;

describe('examples/node', () => {
  it('rotate one key and wait for it', async () => {
    expect(await example('rotate-and-wait.ts', ['org_demo', 'ast_7'])).toMatch(
      /^rot_\w{26} version \d+ is in force since 2\d{3}-/,
    );
  });

  it('explain why a rotation failed', async () => {
    await expect(example('rotate-and-wait.ts', ['org_demo', 'ast_none'])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^ASSISTANT_NOT_FOUND: rot_\w+ has failed.*\(rot_\w+\)\n$/),
    });
  });

  it('rotate many', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rekey-ids-'));
    await writeFile(join(folder, 'ids.txt'), 'ast_8\nast_9\nast_10\n');
    const output = await example('rotate-many.ts', ['org_demo', join(folder, 'ids.txt')]);
    expect(output).toMatch(/^blk_\w{26} COMPLETED: 3 of 3, 0 failed/m);
    await rm(folder, { recursive: true });
  });

  it('look around', async () => {
    const output = await example('look-around.ts', ['org_demo']);
    expect(output).toMatch(/^health: SERVING\n0 rotations are open\n/);
    expect(output).toMatch(/^ast_\d+ has version \d+ \(ROTATION\), sealed in \d+ characters$/m);
  });
});

describe('the README of libs/client', () => {
  let readme: string;
  beforeAll(async () => {
    readme = await readFile(join(repositoryRoot, 'libs/client/README.md'), 'utf8');
  });

  it('has commands that work as pasted', async () => {
    // first-hour.spec.ts runs the blocks as a whole, and the one that packs the client.
    const lines = [...readme.matchAll(/```sh\n(export [\s\S]*?)```/g)].flatMap(([, block]) =>
      block!.trim().split('\n'),
    );
    // This gateway asks nobody who calls.
    const commands = lines.filter((line) => !line.startsWith('export REKEY_TOKEN_FILE='));
    const outputs = [];
    for (const command of commands)
      outputs.push(
        (
          await run('bash', ['-c', command], {
            cwd: repositoryRoot,
            env: { ...baseEnvironment(), GRPC_ADDRESS: address },
          })
        ).stdout,
      );
    expect(outputs).toEqual([
      expect.stringMatching(/is in force/),
      expect.stringMatching(/COMPLETED: 2 of 2, 0 failed/),
      expect.stringMatching(/^health: SERVING/),
    ]);
  });

  it('shows code from the examples, line by line', async () => {
    const examples = (
      await Promise.all(
        ['rotate-and-wait.ts', 'rotate-many.ts'].map((name) =>
          readFile(join(repositoryRoot, 'examples/node', name), 'utf8'),
        ),
      )
    ).join('\n');
    const shown = [...readme.matchAll(/<!-- of examples\/node -->\n```ts\n([\s\S]*?)```/g)]
      .flatMap(([, block]) => block!.split('\n'))
      .map((line) => line.trim())
      .filter(Boolean);
    expect(shown.length).toBeGreaterThan(15);
    const present = new Set(examples.split('\n').map((line) => line.trim()));
    expect(shown.filter((line) => !present.has(line))).toEqual([]);
  });
});
