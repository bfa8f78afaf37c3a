import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ListOutcome } from '@rekey/invent';
import { createConnectProxy } from '@rekey/testing';
import { examine } from './doctor-checks.ts';
import { exitCodeOf, type Finding } from './finding.ts';
import { acceptedFinding, reachableFinding } from './invent-checks.ts';
import { checkBinding, checkDurable, checkMemory } from './redis-checks.ts';

describe('the checks of INFO of Redis', () => {
  it.each([
    ['maxmemory_policy:noeviction\r\nused_memory:10\r\nmaxmemory:0\r\n', 'ok'],
    ['maxmemory_policy:noeviction\r\nused_memory:10\r\nmaxmemory:100\r\n', 'ok'],
    ['maxmemory_policy:noeviction\r\nused_memory:99\r\nmaxmemory:100\r\n', 'fail'],
    ['maxmemory_policy:allkeys-lru\r\nused_memory:10\r\nmaxmemory:100\r\n', 'fail'],
  ])('memory %j: %s', (info, status) => {
    expect(checkMemory(info)).toMatchObject({ status });
  });

  it.each([
    ['aof_enabled:1\r\naof_last_write_status:ok\r\n', false, 'ok'],
    ['aof_enabled:1\r\naof_last_write_status:err\r\n', false, 'fail'],
    ['aof_enabled:0\r\n', false, 'warn'],
    ['aof_enabled:0\r\n', true, 'fail'],
  ])('durability %j, required %j: %s', (info, required, status) => {
    expect(checkDurable(info, required)).toMatchObject({ status });
  });
});

describe('the ledger and the key file', () => {
  it.each([
    ['K1', 'K1', 'ok'],
    ['K1', 'K2', 'fail'],
    ['K1', undefined, 'warn'],
    [undefined, 'K1', 'warn'],
  ])('bound to %j, key file %j: %s', (boundTo, own, status) => {
    expect(checkBinding('rekey', boundTo, own)).toMatchObject({ status });
  });
});

describe('the findings for responses of Invent', () => {
  it.each<[ListOutcome, string]>([
    [{ outcome: 'read', page: { records: [], unreadable: [], total: 0 } }, 'ok'],
    [{ outcome: 'not-read', code: 'UPSTREAM_UNAUTHENTICATED', status: 401, reason: 'HTTP 401' }, 'fail'],
    [{ outcome: 'not-read', code: 'ASSISTANT_NOT_FOUND', status: 404, reason: 'HTTP 404' }, 'fail'],
    [{ outcome: 'not-read', code: 'UPSTREAM_RATE_LIMITED', status: 429, reason: 'HTTP 429' }, 'warn'],
    [{ outcome: 'not-read', code: 'UPSTREAM_UNREACHABLE', status: 503, reason: 'HTTP 503' }, 'fail'],
    [{ outcome: 'not-read', code: 'UPSTREAM_UNREACHABLE', reason: 'ECONNREFUSED' }, 'fail'],
    [
      {
        outcome: 'not-read',
        code: 'UPSTREAM_UNEXPECTED',
        status: 302,
        reason: 'HTTP 302, a redirect to https://login.example',
      },
      'fail',
    ],
    [
      { outcome: 'not-read', code: 'OUTCOME_UNKNOWN', status: 200, reason: 'a 200 that is not a JSON array' },
      'fail',
    ],
  ])('%j: %s', (outcome, status) => {
    expect(acceptedFinding(new URL('https://api.example'), 'c', outcome)).toMatchObject({
      status,
      message: expect.stringContaining(
        'reason' in outcome && status === 'fail' ? `${outcome.status ?? outcome.reason}` : 'api.example',
      ),
    });
  });

  it.each([401, 'ENOTFOUND'])('%j without an API key is a warning that names the variables', (answer) => {
    expect(reachableFinding(new URL('https://api.example'), answer)).toMatchObject({
      status: 'warn',
      advice: expect.stringContaining('INVENT_API_KEY, INVENT_API_KEY_FILE or INVENT_API_KEYS_FILE'),
    });
  });
});

describe('examine', () => {
  let upstream: Server;
  const asked: string[] = [];
  const plain: { status: number; headers: Record<string, string>; body: Buffer } = {
    status: 200,
    headers: {},
    body: Buffer.from('[]'),
  };
  let respond = plain;
  beforeAll(async () => {
    upstream = createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers.authorization}`);
      response.writeHead(respond.status, respond.headers).end(respond.body);
    });
    await new Promise<void>((resolve) => void upstream.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    upstream.closeAllConnections();
    upstream.close();
  });
  const findings = async (env: NodeJS.ProcessEnv, taken?: { names: string[]; withheld: string[] }) => {
    const all: Finding[] = [];
    for await (const finding of examine({ gateway: '127.0.0.1:1' }, env, taken)) all.push(finding);
    return all;
  };
  const baseUrl = () => `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;

  it('runs every check although nothing answers, and shows no secret', async () => {
    const all = await findings({
      REDIS_URL: 'redis://user:hunter2@127.0.0.1:1',
      REKEY_KEY_FILE: '/no/such',
      INVENT_BASE_URL: 'http://127.0.0.1:1',
      INVENT_API_KEY: 'hunter3',
    });
    expect(all.map(({ check, status }) => [check, status])).toEqual([
      ['gateway', 'fail'],
      ['key file', 'fail'],
      ['redis', 'fail'],
      ['invent', 'fail'],
    ]);
    expect(JSON.stringify(all)).not.toMatch(/hunter/);
    expect(all.every(({ advice }) => advice !== undefined)).toBe(true);
  });

  it('sends Invent one request, for the smallest page', async () => {
    asked.length = 0;
    expect(
      (
        await findings({ REDIS_URL: 'redis://127.0.0.1:1', INVENT_BASE_URL: baseUrl(), INVENT_API_KEY: 'k' })
      ).at(-1),
    ).toMatchObject({ check: 'invent', status: 'ok', message: expect.stringContaining('one request') });
    expect(asked).toEqual(['GET /orgs/c/assistants?page=1&take=1 Bearer k']);
  });

  it('fails for responses that a worker cannot read, and not for a compressed list', async () => {
    const env = { REDIS_URL: 'redis://127.0.0.1:1', INVENT_BASE_URL: baseUrl(), INVENT_API_KEY: 'k' };
    for (const [answer, status, message] of [
      [
        { status: 200, headers: { 'content-encoding': 'gzip' }, body: gzipSync('[]') },
        'ok',
        'accepts the API key',
      ],
      [
        { status: 200, headers: { 'content-encoding': 'gzip' }, body: Buffer.from('[]') },
        'ok',
        'accepts the API key',
      ],
      [
        { status: 200, headers: { 'content-encoding': 'gzip' }, body: Buffer.from([0, 1]) },
        'fail',
        'a body that is not gzip',
      ],
      [
        { status: 200, headers: {}, body: Buffer.from('<html>sign in</html>') },
        'fail',
        'a 200 that is not a JSON array',
      ],
      [
        { status: 302, headers: { location: 'https://login.example/?token=hunter2' }, body: Buffer.of() },
        'fail',
        'a redirect to https://login.example)',
      ],
    ] as const) {
      respond = answer;
      expect((await findings(env)).at(-1)).toMatchObject({
        check: 'invent',
        status,
        message: expect.stringContaining(message),
      });
    }
    respond = plain;
  });

  it('uses the proxy of workers, except to loopback', async () => {
    const proxy = await createConnectProxy({ portOf: () => (upstream.address() as AddressInfo).port });
    const env = {
      REDIS_URL: 'redis://127.0.0.1:1',
      INVENT_API_KEY: 'k',
      INVENT_PLAIN_HTTP_HOSTS: 'invent.test',
      HTTP_PROXY: `http://user:hunter2@127.0.0.1:${proxy.port}`,
    };
    const through = await findings({ ...env, INVENT_BASE_URL: 'http://invent.test' });
    const directly = await findings({ ...env, INVENT_BASE_URL: baseUrl() });
    const malformed = await findings({
      ...env,
      HTTP_PROXY: 'socks5://hunter2',
      INVENT_BASE_URL: 'http://invent.test',
    });
    await proxy.close();
    expect(through.at(-1)).toMatchObject({
      status: 'ok',
      message: expect.stringContaining('through the proxy of HTTP_PROXY'),
    });
    expect(directly.at(-1)).toMatchObject({ status: 'ok' });
    expect(malformed.at(-1)).toMatchObject({
      status: 'fail',
      message: expect.stringContaining('HTTP_PROXY must be'),
    });
    expect(proxy.targets).toEqual(['invent.test:80']);
    expect(JSON.stringify([through, directly, malformed])).not.toContain('hunter2');
  });

  it('without an API key only checks that Invent answers', async () => {
    asked.length = 0;
    expect(
      (await findings({ REDIS_URL: 'redis://127.0.0.1:1', INVENT_BASE_URL: baseUrl() })).at(-1),
    ).toMatchObject({ check: 'invent', status: 'warn' });
    expect(asked).toEqual(['GET / undefined']);
  });

  it('reports which variables come from a running npm start, and which it does not store', async () => {
    const all = await findings(
      { REDIS_URL: 'redis://127.0.0.1:1', INVENT_BASE_URL: baseUrl() },
      { names: ['REDIS_URL', 'REKEY_KEY_FILE'], withheld: ['INVENT_API_KEY'] },
    );
    expect(all.slice(1, 3)).toEqual([
      {
        check: 'environment',
        status: 'ok',
        message: expect.stringMatching(/^taken from the npm start .*: REDIS_URL, REKEY_KEY_FILE$/),
      },
      {
        check: 'environment',
        status: 'warn',
        message: expect.stringMatching(/^INVENT_API_KEY /),
        advice: 'Set it here too, or INVENT_API_KEY_FILE. Then run this again.',
      },
    ]);
  });

  it('checks no default Redis if npm start does not store its REDIS_URL', async () => {
    const all = await findings(
      { INVENT_BASE_URL: baseUrl() },
      { names: ['GRPC_ADDRESS'], withheld: ['REDIS_URL'] },
    );
    expect(all).toContainEqual(
      expect.objectContaining({
        check: 'environment',
        status: 'fail',
        message: expect.stringMatching(/^REDIS_URL /),
      }),
    );
    expect(all.map(({ check }) => check)).not.toContain('redis');
  });

  it('names invalid variables without their values', async () => {
    expect(await findings({ REDIS_URL: 'http://hunter2' })).toEqual([
      expect.objectContaining({ check: 'gateway' }),
      {
        check: 'environment',
        status: 'fail',
        message: expect.stringMatching(/REDIS_URL(?!.*hunter2)/),
        advice: expect.any(String),
      },
    ]);
  });

  it.each([
    [
      { INVENT_API_KEY: 'hunter2', INVENT_API_KEYS_FILE: '/keys.json' },
      'INVENT_API_KEY: cannot be given together with INVENT_API_KEYS_FILE',
    ],
    [{ INVENT_REQUESTS_PER_MINUTE: 'hunter2' }, 'INVENT_REQUESTS_PER_MINUTE: must be a whole number'],
    [{ INVENT_EGRESS: 'hunter 2' }, 'INVENT_EGRESS: must be 1 to 64'],
    [{ REKEY_KEEP_EVENTS: '1' }, 'REKEY_KEEP_EVENTS: must be from 100'],
    [{ WORKER_CONCURRENCY: '0' }, 'WORKER_CONCURRENCY: must be from 1'],
    [
      { REKEY_LANDING_WINDOW_MS: '1000' },
      'REKEY_LANDING_WINDOW_MS: must not be shorter than INVENT_TIMEOUT_MS',
    ],
    [
      { REKEY_SHUTDOWN_TIMEOUT_MS: '30000' },
      'REKEY_SHUTDOWN_TIMEOUT_MS: must be longer than INVENT_TIMEOUT_MS',
    ],
  ])('reports variables that stop a worker from starting: %j', async (env, complaint) => {
    const found = (
      await findings({ REDIS_URL: 'redis://127.0.0.1:1', INVENT_BASE_URL: baseUrl(), ...env })
    ).at(-1)!;
    expect(found).toMatchObject({
      check: 'environment',
      status: 'fail',
      message: expect.stringContaining(complaint),
    });
    expect(found.message).not.toContain('hunter');
  });

  it('tries the keys of ten orgs, and reports how many it did not try', async () => {
    asked.length = 0;
    const folder = await mkdtemp(join(tmpdir(), 'rekey-doctor-'));
    const path = join(folder, 'keys.json');
    await writeFile(
      path,
      JSON.stringify(Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`org_${i}`, 'k']))),
      { mode: 0o600 },
    );
    const all = await findings({
      REDIS_URL: 'redis://127.0.0.1:1',
      INVENT_BASE_URL: baseUrl(),
      INVENT_API_KEYS_FILE: path,
    });
    await rm(folder, { recursive: true });
    expect(asked).toHaveLength(10);
    expect(all.filter(({ check, status }) => check === 'invent' && status === 'ok')).toHaveLength(10);
    expect(all.at(-1)).toEqual({
      check: 'invent',
      status: 'warn',
      message: 'the API keys of 2 more orgs of INVENT_API_KEYS_FILE were not tried',
      advice: expect.any(String),
    });
  });

  it('distinguishes unavailable services from other failures', async () => {
    expect(
      exitCodeOf(
        await findings({ REDIS_URL: 'redis://127.0.0.1:1', INVENT_BASE_URL: baseUrl(), INVENT_API_KEY: 'k' }),
      ),
    ).toBe(2);
    expect(
      exitCodeOf(
        await findings({
          REDIS_URL: 'redis://127.0.0.1:1',
          INVENT_BASE_URL: 'http://127.0.0.1:1',
          INVENT_API_KEY: 'k',
        }),
      ),
    ).toBe(1);
    expect(exitCodeOf([{ check: 'redis durability', status: 'warn', message: '' }])).toBe(0);
  });
});
