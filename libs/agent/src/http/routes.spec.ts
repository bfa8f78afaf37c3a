import { createHmac } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import v8 from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from '@jest/globals';
import { begin, closeAll, reasonOf, until, type AgentFixture } from '../agent-fixture.ts';

afterEach(closeAll);

v8.setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
/** What remains after garbage was collected. */
const keptBytes = (): number => {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

const SECRET = 'sk_secret_of_ast_1';
const hashOf = (userId: string) => createHmac('sha256', SECRET).update(userId).digest('hex');
const begun = async (configure?: Parameters<typeof begin>[0]): Promise<AgentFixture> => {
  const fixture = await begin(configure);
  fixture.keys.publish('ast_1', SECRET);
  return fixture;
};
const hash = ({ call }: AgentFixture, id = 'ast_1') =>
  call('POST', `/v1/assistants/${id}/user-hash`, { body: { user_id: 'user-42' } });

describe('POST /v1/assistants/{id}/user-hash', () => {
  it('answers with the hash, the version and the age, and never with the key', async () => {
    const agent = await begun();
    const { status, json, text, headers } = await hash(agent);
    expect([status, json]).toEqual([
      200,
      { user_hash: hashOf('user-42'), version: 1, uncertain: false, age_ms: 12, source: 'rekey' },
    ]);
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
    expect(text).not.toContain(SECRET);
  });

  it('takes ids that need percent-encoding, and user ids of any script', async () => {
    const agent = await begun();
    agent.keys.publish('ä st', SECRET);
    const path = `/v1/assistants/${encodeURIComponent('ä st')}/user-hash`;
    const { json } = await agent.call('POST', path, { body: { user_id: 'користувач ☃' } });
    expect(json).toMatchObject({ user_hash: hashOf('користувач ☃'), version: 2 });
  });

  it('answers a removed, withdrawn, unreadable or unknown key as such, never with an older one', async () => {
    const agent = await begun();
    for (const id of ['ast_2', 'ast_3', 'ast_4']) agent.keys.publish(id, 'sk_older');
    agent.keys.remove('ast_2');
    agent.keys.remove('ast_3', 'withdrawn');
    agent.keys.makeUnreadable('ast_4');
    expect(reasonOf(await hash(agent, 'ast_2'))).toEqual([404, 'KEY_REMOVED']);
    expect(reasonOf(await hash(agent, 'ast_3'))).toEqual([404, 'KEY_WITHDRAWN']);
    expect(reasonOf(await hash(agent, 'ast_4'))).toEqual([409, 'NOT_READABLE_ANY_MORE']);
    expect(reasonOf(await hash(agent, 'ast_5'))).toEqual([404, 'UNKNOWN_ASSISTANT']);
    agent.keys.publish('ast_3', SECRET);
    expect((await hash(agent, 'ast_3')).status).toBe(200);
  });

  it('marks a doubtful key, or refuses it if the configuration says so', async () => {
    const agent = await begun();
    agent.keys.publish('ast_2', SECRET, { uncertain: true });
    expect((await hash(agent, 'ast_2')).json).toMatchObject({ uncertain: true });
    const strict = await begun(() => ({ uncertain: 'refuse' }));
    strict.keys.publish('ast_2', SECRET, { uncertain: true });
    expect(reasonOf(await hash(strict, 'ast_2'))).toEqual([409, 'KEY_UNCERTAIN']);
    expect((await hash(strict)).status).toBe(200);
  });

  it('says how old a stale key is, and refuses beyond max_staleness', async () => {
    const agent = await begun(() => ({ max_staleness: '1h' }));
    agent.keys.set({ upToDate: false, behindMs: 3_599_000, connected: false });
    expect((await hash(agent)).json).toMatchObject({ age_ms: 3_599_000 });
    agent.keys.set({ behindMs: 3_600_500 });
    const refused = await hash(agent);
    expect(reasonOf(refused)).toEqual([503, 'STALE']);
    expect(refused.text).toContain('3600500 ms');
    expect(refused.headers['retry-after']).toBe('1');
    expect(reasonOf(await agent.call('GET', '/v1/assistants/ast_1'))).toEqual([403, 'KEYS_NOT_SERVED']);
  });

  it('of a revoked consumer, the age counts from the revocation', async () => {
    const agent = await begun();
    agent.keys.set({ upToDate: false, revoked: true, behindMs: 5 });
    await hash(agent);
    await until(async () => Number((await hash(agent)).json['age_ms']) >= 50, 'a growing age');
    expect((await agent.call('GET', '/healthz')).json).toMatchObject({ status: 'revoked', revoked: true });
  });

  it.each([
    ['', 'must be a JSON object'],
    ['{"user_id":', 'must be a JSON object'],
    ['[]', 'must be a JSON object'],
    ['{}', 'must have the field user_id, and no other'],
    ['{"user_id":"a","key":1}', 'must have the field user_id, and no other'],
    ['{"user_id":42}', 'must be a string'],
    ['{"user_id":""}', 'must not be empty'],
    ['{"user_id":"\\ud800"}', 'well-formed'],
    [`{"user_id":"${'x'.repeat(4097)}"}`, 'at most 4096'],
  ])('refuses the body %.40p', async (body, complaint) => {
    const { call } = await begun();
    const answer = await call('POST', '/v1/assistants/ast_1/user-hash', { body });
    expect(reasonOf(answer)).toEqual([400, 'INVALID_ARGUMENT']);
    expect(answer.text).toContain(complaint);
  });

  it('refuses other methods, paths and ids', async () => {
    const { call } = await begun();
    expect(reasonOf(await call('GET', '/v1/assistants/ast_1/user-hash'))).toEqual([
      405,
      'METHOD_NOT_ALLOWED',
    ]);
    expect(reasonOf(await call('DELETE', '/healthz'))).toEqual([405, 'METHOD_NOT_ALLOWED']);
    expect(reasonOf(await call('GET', '/v2'))).toEqual([404, 'NOT_FOUND']);
    for (const id of ['', 'a/b', '%zz', 'x'.repeat(257)])
      expect(reasonOf(await call('POST', `/v1/assistants/${id}/user-hash`, { body: '{}' }))[0]).toBe(400);
  });
});

describe('GET', () => {
  it('/v1/assistants/{id} has the key only if the configuration allows it', async () => {
    const quiet = await begun();
    const refused = await quiet.call('GET', '/v1/assistants/ast_1');
    expect(reasonOf(refused)).toEqual([403, 'KEYS_NOT_SERVED']);
    expect(refused.text).not.toContain(SECRET);
    const agent = await begun(() => ({ http: { serve_keys: true } }));
    expect((await agent.call('GET', '/v1/assistants/ast_1')).json).toEqual({
      assistant_id: 'ast_1',
      org_id: 'org_1',
      version: 1,
      secret_key: SECRET,
      uncertain: false,
      updated_at: '2026-11-29T20:00:00.000Z',
      age_ms: 12,
      source: 'rekey',
    });
    agent.keys.remove('ast_1');
    // External Secrets Operator takes 404, and nothing else, for a deleted secret.
    expect(reasonOf(await agent.call('GET', '/v1/assistants/ast_1'))).toEqual([404, 'KEY_REMOVED']);
  });

  it('/healthz and /metrics say how fresh the keys are, without ids or keys', async () => {
    const agent = await begun();
    await hash(agent);
    await hash(agent, 'ast_7');
    const health = await agent.call('GET', '/healthz');
    expect([health.status, health.json]).toMatchObject([
      200,
      { status: 'ok', age_ms: 12, keys: 1, source: 'rekey' },
    ]);
    const { text } = await agent.call('GET', '/metrics');
    expect(text).toContain('rekey_agent_requests_total{route="user-hash",status="404"} 1\n');
    expect(text).toContain('rekey_agent_age_seconds 0.012\n');
    expect(text + health.text).not.toMatch(/sk_|ast_/);
    agent.keys.set({ upToDate: false, fault: 'Redis is away' });
    const stale = await agent.call('GET', '/healthz');
    expect([stale.status, stale.json]).toMatchObject([503, { status: 'stale', fault: 'Redis is away' }]);
  });

  it('/metrics has the metrics that docs/reference/metrics.md lists', async () => {
    const agent = await begun((folder) => ({
      files: [{ path: join(folder, 'keys.json'), format: 'json' }],
    }));
    const { text } = await agent.call('GET', '/metrics');
    const exposed = [...text.matchAll(/^# TYPE (rekey_\w+) (\w+)$/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    const page = await readFile(new URL('../../../../docs/reference/metrics.md', import.meta.url), 'utf8');
    const documented = [...page.matchAll(/^\| `(rekey_agent_\w+)` \| (\w+) \| [^|]*\| (?!with a cache)/gm)];
    expect(exposed.length).toBeGreaterThan(10);
    expect(documented.map(([, name, type]) => `${name} ${type}`)).toEqual(exposed);
  });

  it('/v1/events streams what changes, without keys, to a bounded number of clients', async () => {
    const agent = await begun(() => ({ http: { max_event_streams: 1 } }));
    const { text } = await openStream(agent);
    agent.keys.publish('ast\n2', 'sk_of_ast_2');
    agent.keys.remove('ast_1');
    await until(() => text().includes('event: removed'), 'the events');
    expect(text()).toContain(
      'event: key\ndata: {"assistant_id":"ast\\n2","org_id":"org_1","version":2,"uncertain":false}\n\n',
    );
    expect(text()).not.toContain('sk_');
    expect(reasonOf(await agent.call('GET', '/v1/events'))).toEqual([503, 'TOO_MANY_STREAMS']);
  });
});

const raw = (folder: string): Socket => {
  const socket = connect(join(folder, 's.sock'));
  socket.on('error', () => {});
  return socket;
};
const openStream = async ({ folder }: AgentFixture): Promise<{ socket: Socket; text: () => string }> => {
  let text = '';
  const socket = raw(folder);
  socket.on('data', (data) => (text += data.toString()));
  socket.write('GET /v1/events HTTP/1.1\r\nhost: agent\r\n\r\n');
  await until(() => text.includes('event: open'), 'the stream');
  return { socket, text: () => text };
};
const answerTo = (folder: string, text: string): Promise<string> =>
  new Promise((resolve) => {
    let answer = '';
    const socket = raw(folder).on('data', (data) => (answer += data.toString()));
    socket.on('close', () => resolve(answer));
    socket.write(text);
  });

describe('a hostile client', () => {
  it('gets 413 for 10 MB, declared or not, without being read to the end', async () => {
    const { call, folder } = await begun();
    const head = 'POST /v1/assistants/ast_1/user-hash HTTP/1.1\r\nhost: agent\r\n';
    expect(await answerTo(folder, `${head}content-length: 10485760\r\n\r\n`)).toMatch(/^HTTP\/1.1 413 /);
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    expect(await answerTo(folder, `${head}transfer-encoding: chunked\r\n\r\n${chunk.repeat(160)}`)).toMatch(
      /^HTTP\/1.1 413 /,
    );
    expect((await call('GET', '/healthz')).status).toBe(200);
  });

  it('cannot keep event streams from others by many requests on one connection', async () => {
    const agent = await begun(() => ({ http: { max_event_streams: 5 } }));
    const socket = raw(agent.folder).resume();
    socket.write('GET /v1/events HTTP/1.1\r\nhost: agent\r\n\r\n'.repeat(20));
    await until(async () => {
      const { text } = await agent.call('GET', '/metrics');
      return text.includes('rekey_agent_requests_total{route="events",status="409"} 19');
    }, 'the refusals');
    expect((await agent.call('GET', '/metrics')).text).toContain('rekey_agent_event_streams 1\n');
    socket.destroy();
    await until(
      async () => (await agent.call('GET', '/metrics')).text.includes('rekey_agent_event_streams 0\n'),
      'the end of the stream',
    );
  });

  it('cannot take much memory with a body in chunks of one byte', async () => {
    const agent = await begun();
    const before = keptBytes();
    const chunks = '1\r\nx\r\n'.repeat(60_000);
    for (let i = 0; i < 20; i += 1)
      raw(agent.folder).write(
        'POST /v1/assistants/ast_1/user-hash HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n' +
          chunks,
      );
    await hash(agent);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(keptBytes() - before).toBeLessThan(100 * 1024 * 1024);
  });

  it('gets 408 for half a request, 400 for none, 431 for long headers, and others are served', async () => {
    const agent = await begun();
    const half = answerTo(agent.folder, 'POST /v1/assistants/ast_1/user-hash HTTP/1.1\r\nhost: ag');
    expect(await answerTo(agent.folder, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    expect(
      await answerTo(agent.folder, `GET /healthz HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`),
    ).toMatch(/^HTTP\/1.1 431 /);
    expect((await hash(agent)).status).toBe(200);
    expect(await half).toMatch(/^HTTP\/1.1 408 /);
  });

  it('cannot keep others out with 10,000 connections', async () => {
    const agent = await begun(() => ({ http: { max_connections: 50 } }));
    // Open event streams hold their connections, however long this takes.
    const kept: Socket[] = [];
    for (let i = 0; i < 50; i += 1) kept.push((await openStream(agent)).socket);
    let refused = 0;
    for (let batch = 0; batch < 100; batch += 1)
      await Promise.all(
        Array.from({ length: 100 }, async () => {
          const answer = await answerTo(agent.folder, '');
          if (/^HTTP\/1.1 503 [^]*TOO_MANY_CONNECTIONS/.test(answer)) refused += 1;
        }),
      );
    expect(refused).toBe(10_000);
    kept[0]!.destroy();
    await until(
      async () => (await hash(agent).catch(() => undefined))?.status === 200,
      'an answer while 49 streams are open',
    );
    expect((await agent.call('GET', '/metrics')).text).toMatch(
      /^rekey_agent_connections_refused_total \d{5}$/m,
    );
  });
});

describe('on loopback', () => {
  const TOKEN = 'a-token-of-at-least-32-characters-0';
  const loopback = async () => {
    const agent = await begin((folder) => ({
      http: { loopback: { address: '127.0.0.1:0', token_file: join(folder, 'token') } },
      mounted_secrets: true,
    })).catch((error: Error) => error);
    return agent;
  };

  it('requires a token of its own in a file that others cannot read', async () => {
    expect(await loopback()).toMatchObject({
      code: 'BAD_TOKEN_FILE',
      message: expect.stringContaining('does not exist'),
    });
  });

  const withToken = async (http: object = {}) => {
    const { folder } = await begun();
    const file = join(folder, 'token');
    await writeFile(file, `${TOKEN}\n`, { mode: 0o600 });
    const configure = () => ({ http: { loopback: { address: '127.0.0.1:0', token_file: file }, ...http } });
    const agent = await begun(configure);
    const at = agent.agent.addresses.find((address) => address.startsWith('127.'))!;
    return { agent, at, file, configure };
  };
  const authorization = `Bearer ${TOKEN}`;
  const good = { authorization, 'x-rekey-agent': '1' };

  it('is not kept from those with the token by connections that show none', async () => {
    const { agent, at } = await withToken({ max_connections: 8 });
    const [host, port] = at.split(':') as [string, string];
    const held: Socket[] = [];
    let closed = 0;
    const hold = (text: string): void => {
      const socket = connect(Number(port), host).on('error', () => {});
      socket.on('close', () => (closed += 1)).resume();
      socket.write(text);
      held.push(socket);
    };
    for (let i = 0; i < 40; i += 1) hold(i % 2 ? 'GET /healthz HTTP/1.1\r\nhost: local' : '');
    await until(() => closed >= 38, 'the end of all but a quarter of 8');
    const answer = await agent.call('GET', '/v1/assistants/ast_1', { at, headers: good });
    expect(reasonOf(answer)).toEqual([403, 'KEYS_NOT_SERVED']);
    // Half a request waits for no more than 5 s, and a whole one is the last of its connection.
    const open = await agent.call('GET', '/healthz', { at, headers: { connection: 'keep-alive' } });
    expect([open.status, open.headers['connection']]).toEqual([200, 'close']);
    const refused = await agent.call('GET', '/v1/events', { at, headers: { connection: 'keep-alive' } });
    expect([refused.status, refused.headers['connection']]).toEqual([403, 'close']);
    const kept = { ...good, connection: 'keep-alive' };
    const served = await agent.call('POST', '/v1/assistants/ast_1/user-hash', {
      at,
      headers: kept,
      body: { user_id: 'user-42' },
    });
    expect(served.headers['connection']).toBe('keep-alive');
    expect((await agent.call('GET', '/metrics')).text).toMatch(
      /^rekey_agent_connections_refused_total 3[89]$/m,
    );
    for (const socket of held) socket.destroy();
  });

  it('requires the token and a header, and refuses web pages', async () => {
    const { agent, at, file, configure } = await withToken();
    const path = '/v1/assistants/ast_1/user-hash';
    const post = (headers: Record<string, string>) =>
      agent.call('POST', path, { at, headers, body: { user_id: 'user-42' } });
    expect((await post(good)).json).toMatchObject({ user_hash: hashOf('user-42') });
    expect(reasonOf(await post({ authorization }))).toEqual([403, 'HEADER_MISSING']);
    expect(reasonOf(await post({ 'x-rekey-agent': '1' }))).toEqual([401, 'UNAUTHENTICATED']);
    expect(reasonOf(await post({ ...good, authorization: `${authorization}x` }))).toEqual([
      401,
      'UNAUTHENTICATED',
    ]);
    expect(reasonOf(await post({ ...good, origin: 'https://evil.example' }))).toEqual([
      403,
      'FOREIGN_ORIGIN',
    ]);
    expect(reasonOf(await post({ ...good, host: 'evil.example' }))).toEqual([403, 'FOREIGN_HOST']);
    expect((await agent.call('OPTIONS', path, { at, headers: good })).status).toBe(405);
    // A prober has no token; a page of another site gets nothing.
    expect((await agent.call('GET', '/healthz', { at })).status).toBe(200);
    expect((await agent.call('GET', '/metrics', { at, headers: { host: 'evil.example' } })).status).toBe(403);
    await chmod(file, 0o644);
    await expect(begin(configure)).rejects.toMatchObject({
      code: 'BAD_TOKEN_FILE',
      message: expect.stringContaining('can be read by other users'),
    });
  });
});
