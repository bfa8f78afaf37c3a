import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  answering,
  clientOf,
  closeAll,
  httpServer,
  record,
  target,
  tcpServer,
  until,
} from './upstream-fixture.ts';
import type { InventClient } from './client.ts';

afterEach(closeAll);

describe('rotateSecretKey', () => {
  it('sends one POST with the API key and encoded ids, and is done after a whole 200', async () => {
    const { baseUrl, requests } = await httpServer(answering(200, record({ id: 'ast+ü' })));
    const outcome = await clientOf(new URL(`${baseUrl}v9/`)).rotateSecretKey({
      orgId: 'c',
      assistantId: 'ast+ü',
    });
    expect(outcome).toEqual({
      outcome: 'done',
      record: {
        id: 'ast+ü',
        secretKey: 'sk_1',
        deleted: false,
        json: record({ id: 'ast+ü' }),
        unexpected: [],
      },
    });
    expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /v9/orgs/c/assistants/ast%2B%C3%BC/rotate-secret-key',
    ]);
    expect(requests[0]!.headers).toMatchObject({ authorization: 'Bearer key-1', 'content-length': '0' });
  });

  it.each(['../../x', 'a/b', '%2e%2e', '..', 'a?b'])('sends nothing for the id %j', async (assistantId) => {
    const { baseUrl, requests } = await httpServer(answering(200, record()));
    expect(await clientOf(baseUrl).rotateSecretKey({ orgId: 'org_1', assistantId })).toMatchObject({
      outcome: 'not-done',
      code: 'INVALID_ARGUMENT',
      retry: false,
    });
    expect(requests).toEqual([]);
  });

  it('sends nothing for an org without an API key', async () => {
    const { baseUrl, requests } = await httpServer(answering(200, record()));
    expect(
      await clientOf(baseUrl, {
        apiKeys: Object.assign(() => undefined, { orgIds: () => [] }),
      }).rotateSecretKey(target),
    ).toMatchObject({ outcome: 'not-done', code: 'ORG_NOT_CONFIGURED' });
    expect(requests).toEqual([]);
  });

  it.each([
    [400, 'UPSTREAM_REJECTED', false],
    [401, 'UPSTREAM_UNAUTHENTICATED', false],
    [403, 'UPSTREAM_FORBIDDEN', false],
    [404, 'ASSISTANT_NOT_FOUND', false],
    [429, 'UPSTREAM_RATE_LIMITED', true],
  ])('is certainly not done on %i', async (status, code, retry) => {
    const { baseUrl } = await httpServer(answering(status));
    expect(await clientOf(baseUrl).rotateSecretKey(target)).toMatchObject({
      outcome: 'not-done',
      code,
      retry,
      status,
    });
  });

  it.each([
    [{ 'retry-after': '7' }, 7000],
    [{ 'retry-after': 'Mon, 23 Nov 2026 10:00:09 GMT', date: 'Mon, 23 Nov 2026 10:00:00 GMT' }, 9000],
    [{}, undefined],
    [{ 'retry-after': 'soon' }, 30_000],
  ])('reads Retry-After: %j', async (headers, retryAfterMs) => {
    const { baseUrl } = await httpServer(answering(429, '', headers as Record<string, string>));
    const outcome = await clientOf(baseUrl).rotateSecretKey(target);
    expect((outcome as { retryAfterMs?: number }).retryAfterMs).toBe(retryAfterMs);
  });

  it.each([500, 502, 503, 504, 408, 409, 418, 201, 204])(
    'does not know the outcome of a %i, and does not follow or retry it',
    async (status) => {
      const { baseUrl, requests } = await httpServer(
        answering(status, status === 204 ? '' : '{}', { location: '/elsewhere' }),
      );
      expect(await clientOf(baseUrl).rotateSecretKey(target)).toMatchObject({ outcome: 'unknown', status });
      expect(requests).toHaveLength(1);
    },
  );

  it.each([
    ['text that is not JSON', '<html>'],
    ['half a record', record().slice(0, 40)],
    ['JSON that is not an object', '[]'],
    ['no id', '{"secret_key":"sk_1"}'],
    ['another assistant', record({ id: 'ast_2' })],
    ['a null key', record({ secret_key: null })],
    ['an empty key', record({ secret_key: '' })],
    ['a key that is not a string', record({ secret_key: 7 })],
  ])('does not know the outcome of a 200 with %s', async (_what, body) => {
    const { baseUrl } = await httpServer(answering(200, body));
    expect(await clientOf(baseUrl).rotateSecretKey(target)).toMatchObject({
      outcome: 'unknown',
      status: 200,
    });
  });

  it('is done with an undocumented record, and reports the differing paths', async () => {
    const { baseUrl } = await httpServer(answering(200, record({ enabled: 'yes', config: { stt: 3 } })));
    const outcome = await clientOf(baseUrl).rotateSecretKey(target);
    expect(outcome).toMatchObject({
      outcome: 'done',
      record: { secretKey: 'sk_1', unexpected: ['enabled', 'config.stt'] },
    });
  });

  it('was certainly not sent if nothing listens', async () => {
    const { baseUrl } = await httpServer(answering(200));
    await closeAll();
    expect(await clientOf(baseUrl).rotateSecretKey(target)).toMatchObject({
      outcome: 'not-done',
      code: 'UPSTREAM_UNREACHABLE',
      retry: true,
      reason: 'ECONNREFUSED',
    });
  });

  it('was certainly not sent if the name does not resolve', async () => {
    expect(await clientOf(new URL('https://no-such-host.invalid')).rotateSecretKey(target)).toMatchObject({
      outcome: 'not-done',
      code: 'UPSTREAM_UNREACHABLE',
    });
  });

  it('was certainly not sent if TLS fails', async () => {
    const { baseUrl, received } = await tcpServer((socket) => socket.end('no TLS here'));
    const outcome = await clientOf(new URL(baseUrl.href.replace('http:', 'https:'))).rotateSecretKey(target);
    expect(outcome).toMatchObject({ outcome: 'not-done', code: 'UPSTREAM_UNREACHABLE' });
    expect(received.join('')).not.toContain('rotate-secret-key');
  });

  it('does not know the outcome when the connection breaks after the request', async () => {
    const { baseUrl, received } = await tcpServer((socket) => socket.destroy());
    expect(await clientOf(baseUrl).rotateSecretKey(target)).toMatchObject({ outcome: 'unknown' });
    expect(received).toHaveLength(1);
  });

  it('does not know the outcome when the body stops in the middle', async () => {
    const { baseUrl } = await tcpServer((socket) =>
      socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n${record().slice(0, 30)}`),
    );
    expect(await clientOf(baseUrl).rotateSecretKey(target)).toMatchObject({
      outcome: 'unknown',
      status: 200,
    });
  });

  it('does not know the outcome of an answer that is not HTTP', async () => {
    const { baseUrl } = await tcpServer((socket) => socket.end('nonsense\r\n\r\n'));
    expect(await clientOf(baseUrl).rotateSecretKey(target)).toMatchObject({ outcome: 'unknown' });
  });

  it('accepts a refusal although its body never arrives completely', async () => {
    const { baseUrl } = await tcpServer((socket) =>
      socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 1000\r\n\r\nhalf'),
    );
    expect(await clientOf(baseUrl).rotateSecretKey(target)).toMatchObject({
      outcome: 'not-done',
      code: 'ASSISTANT_NOT_FOUND',
    });
  });

  it('does not know the outcome if the answer misses the deadline or arrives drop by drop', async () => {
    const silent = await tcpServer(() => {});
    expect(await clientOf(silent.baseUrl, { timeoutMs: 150 }).rotateSecretKey(target)).toMatchObject({
      outcome: 'unknown',
      reason: 'no whole answer within 150 ms',
    });
    const slow = await tcpServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
      const drops = setInterval(() => socket.write('x'), 20);
      socket.on('close', () => clearInterval(drops));
    });
    expect(await clientOf(slow.baseUrl, { timeoutMs: 150 }).rotateSecretKey(target)).toMatchObject({
      outcome: 'unknown',
      status: 200,
    });
  });

  it('sends nothing after `sendBeforeMs`', async () => {
    const { baseUrl, requests } = await httpServer(answering(200, record()));
    const outcome = await clientOf(baseUrl).rotateSecretKey(target, { sendBeforeMs: performance.now() - 1 });
    expect(outcome).toMatchObject({ outcome: 'not-done', code: 'SENT_TOO_LATE', retry: true });
    expect(requests).toEqual([]);
  });

  it('was certainly not sent while waiting for a connection, and is not sent later', async () => {
    const { baseUrl, received } = await tcpServer(() => {});
    const client = clientOf(baseUrl, { connections: 1 });
    const occupying = new AbortController();
    const first = client.rotateSecretKey(target, { signal: occupying.signal });
    await until(() => received.join('').includes('ast_1'));
    expect(
      await client.rotateSecretKey({ ...target, assistantId: 'ast_2' }, { signal: AbortSignal.timeout(20) }),
    ).toMatchObject({ outcome: 'not-done', code: 'UPSTREAM_UNREACHABLE' });
    occupying.abort();
    expect(await first).toMatchObject({ outcome: 'unknown' });
    const third = client.rotateSecretKey(
      { ...target, assistantId: 'ast_3' },
      { signal: AbortSignal.timeout(1000) },
    );
    await until(() => received.join('').includes('ast_3'));
    expect(received.join('')).not.toContain('ast_2');
    await third;
  });

  it('distinguishes an abort before sending from one after it', async () => {
    const { baseUrl, received } = await tcpServer(() => abort.abort());
    const abort = new AbortController();
    expect(await clientOf(baseUrl).rotateSecretKey(target, { signal: AbortSignal.abort() })).toMatchObject({
      outcome: 'not-done',
    });
    expect(received).toEqual([]);
    expect(await clientOf(baseUrl).rotateSecretKey(target, { signal: abort.signal })).toMatchObject({
      outcome: 'unknown',
    });
  });
});

describe('whether a 200 was changed since its POST left', () => {
  /**
   * How many seconds ago the record was changed, and how many seconds the clock of the answer is ahead of
   * ours.
   */
  const recordChanged = async (
    changedAgoMs: number | null,
    dateAheadMs: number | null,
  ): Promise<InventClient> => {
    const updatedAt =
      changedAgoMs === null ? null : new Date(Date.now() + (dateAheadMs ?? 0) - changedAgoMs).toISOString();
    const listener: RequestListener = (_request, response) => {
      if (dateAheadMs === null) response.sendDate = false;
      response
        .writeHead(
          200,
          dateAheadMs === null ? {} : { date: new Date(Date.now() + dateAheadMs).toUTCString() },
        )
        .end(record({ updated_at: updatedAt }));
    };
    const { baseUrl } = await httpServer(listener);
    return clientOf(baseUrl);
  };
  const notedOf = async (changedAgoMs: number | null, dateAheadMs: number | null): Promise<unknown> => {
    const outcome = await (await recordChanged(changedAgoMs, dateAheadMs)).rotateSecretKey(target);
    return outcome.outcome === 'done' ? outcome.noted : outcome.outcome;
  };

  it.each([
    ['since, if it was changed just now', 0, 0, 'since'],
    ['since, by the clock of the answer, which may be ahead or behind ours', 0, 30_000, 'since'],
    ['before, if it was changed several seconds ago', 5000, 0, 'before'],
    ['before, by the clock of the answer', 5000, -30_000, 'before'],
    ['unknown, if that clock is far from ours', 5000, 120_000, undefined],
    ['unknown, without a Date', 5000, null, undefined],
    ['unknown, without updated_at', null, 0, undefined],
  ])('is %s', async (_name, changedAgoMs, dateAheadMs, expected) => {
    expect(await notedOf(changedAgoMs, dateAheadMs)).toBe(expected);
  });

  it('is reported with a record as the least time for which it has not changed', async () => {
    const unchangedFor = async (changedAgoMs: number | null, dateAheadMs: number | null) => {
      const outcome = await (await recordChanged(changedAgoMs, dateAheadMs)).getAssistant(target);
      return outcome.outcome === 'read' ? outcome.unchangedForMs : outcome.outcome;
    };
    const ms = await unchangedFor(5000, -30_000);
    expect(ms).toBeGreaterThan(3500);
    expect(ms).toBeLessThan(5000);
    expect([
      await unchangedFor(0, 0),
      await unchangedFor(5000, 120_000),
      await unchangedFor(5000, null),
      await unchangedFor(null, 0),
    ]).toEqual([0, undefined, undefined, undefined]);
  });
});

describe('masked keys and answers from caches', () => {
  it.each(['sk_***', '********', 'sk_…abcd', 'sk_...abcd', '●●●●', 'not shown'])(
    'a 200 with the key %j is unknown, and a read of it shows no key',
    async (secretKey) => {
      const { baseUrl } = await httpServer(answering(200, record({ secret_key: secretKey })));
      const client = clientOf(baseUrl);
      expect(await client.rotateSecretKey(target)).toMatchObject({
        outcome: 'unknown',
        reason: 'a 200 with a masked secret key',
      });
      expect(await client.getAssistant(target)).toMatchObject({
        outcome: 'not-read',
        code: 'KEYS_NOT_SHOWN',
      });
    },
  );

  it('asks caches for fresh answers, and reports the age of a cached one', async () => {
    const { baseUrl, requests } = await httpServer(answering(200, record(), { age: '300' }));
    const client = clientOf(baseUrl);
    expect(await client.getAssistant(target)).toMatchObject({ outcome: 'read', ageMs: 300_000 });
    expect(await client.rotateSecretKey(target)).toMatchObject({
      outcome: 'unknown',
      reason: 'a 200 from a cache',
    });
    expect(requests.map(({ headers }) => headers['cache-control'])).toEqual(['no-cache', 'no-cache']);
  });
});

describe('getAssistant', () => {
  it('reads the record with its key', async () => {
    const { baseUrl, requests } = await httpServer(answering(200, record()));
    expect(await clientOf(baseUrl).getAssistant(target)).toEqual({
      outcome: 'read',
      record: { id: 'ast_1', secretKey: 'sk_1', deleted: false, json: record(), unexpected: [] },
    });
    expect(`${requests[0]!.method} ${requests[0]!.url}`).toBe('GET /orgs/org_1/assistants/ast_1');
  });

  it('reads a record without a key', async () => {
    const { baseUrl } = await httpServer(answering(200, record({ secret_key: null })));
    expect(await clientOf(baseUrl).getAssistant(target)).toMatchObject({
      outcome: 'read',
      record: { secretKey: undefined },
    });
  });

  it.each([
    [404, 'ASSISTANT_NOT_FOUND'],
    [401, 'UPSTREAM_UNAUTHENTICATED'],
    [429, 'UPSTREAM_RATE_LIMITED'],
    [500, 'UPSTREAM_UNREACHABLE'],
    [200, 'OUTCOME_UNKNOWN'],
  ])('is not read on a %i without a record', async (status, code) => {
    const { baseUrl } = await httpServer(answering(status));
    expect(await clientOf(baseUrl).getAssistant(target)).toMatchObject({ outcome: 'not-read', code, status });
  });
});

describe('listAssistants', () => {
  it('reads a page with its unchanged records, and the total', async () => {
    const records = [
      record({ id: 'ast_1' }),
      record({ id: 'ast_2', secret_key: null }).replace(
        '"name":"n"',
        '"name":"n","big":12345678901234567890',
      ),
      record({ id: 'ast_3', deleted: true }),
    ];
    const { baseUrl, requests } = await httpServer(
      answering(200, `[${records.join(', ')}]`, { 'pagination-count': '203' }),
    );
    const outcome = await clientOf(baseUrl).listAssistants('org_1', 2);
    expect(outcome).toMatchObject({ outcome: 'read', page: { unreadable: [], total: 203 } });
    const { page } = outcome as Extract<typeof outcome, { outcome: 'read' }>;
    expect(page.records.map(({ id, secretKey, deleted, json }) => [id, secretKey, deleted, json])).toEqual([
      ['ast_1', 'sk_1', false, records[0]],
      ['ast_2', undefined, false, records[1]],
      ['ast_3', 'sk_1', true, records[2]],
    ]);
    expect(`${requests[0]!.method} ${requests[0]!.url}`).toBe('GET /orgs/org_1/assistants?page=2&take=100');
  });

  it('returns a digest of each unreadable record, equal for equal records', async () => {
    const { baseUrl } = await httpServer(answering(200, `[${record()},{"id":7},null,null]`));
    const outcome = await clientOf(baseUrl).listAssistants('org_1', 1);
    expect(outcome).toMatchObject({
      outcome: 'read',
      page: {
        records: [{ id: 'ast_1' }],
        unreadable: [expect.any(String), expect.any(String), expect.any(String)],
        total: undefined,
      },
    });
    const { page } = outcome as Extract<typeof outcome, { outcome: 'read' }>;
    expect([page.unreadable[1] === page.unreadable[2], page.unreadable[0] === page.unreadable[1]]).toEqual([
      true,
      false,
    ]);
  });

  it.each(['ast_1\nast_2', '', '..', 'a/b', 'a?b', 'a\u2028b', 'a'.repeat(257), '\ud800'])(
    'does not read or quote a record with the invalid id %j',
    async (id) => {
      const { baseUrl } = await httpServer(answering(200, `[${record({ id })},${record({ id: 'ast_7' })}]`));
      const outcome = await clientOf(baseUrl).listAssistants('org_1', 1);
      expect(outcome).toMatchObject({
        outcome: 'read',
        page: { records: [{ id: 'ast_7' }], unreadable: [expect.stringMatching(/^[\w-]{43}$/)] },
      });
    },
  );

  it.each([
    ['850', 850],
    ['0', 0],
    ['1000000000000000', 1e15],
    ['-1', undefined],
    ['', undefined],
    ['1e9', undefined],
    ['8.5', undefined],
    [' 7 7', undefined],
    ['9'.repeat(20), undefined],
  ])('reads %j as the count %p', async (text, total) => {
    const { baseUrl } = await httpServer(answering(200, '[]', { 'pagination-count': text }));
    expect(await clientOf(baseUrl).listAssistants('org_1', 1)).toEqual({
      outcome: 'read',
      page: { records: [], unreadable: [], total },
    });
  });

  it.each([
    [500, '[]', 'UPSTREAM_UNREACHABLE'],
    [401, '[]', 'UPSTREAM_UNAUTHENTICATED'],
    [200, '{"data":[]}', 'OUTCOME_UNKNOWN'],
    [200, '[{"id":', 'OUTCOME_UNKNOWN'],
  ])('is not read on a %i with %j', async (status, body, code) => {
    const { baseUrl } = await httpServer(answering(status, body));
    expect(await clientOf(baseUrl).listAssistants('org_1', 1)).toMatchObject({
      outcome: 'not-read',
      code,
      status,
    });
  });

  it('sends nothing for an org without a key, or with an id that could leave its segment', async () => {
    const { baseUrl, requests } = await httpServer(answering(200, '[]'));
    expect(await clientOf(baseUrl).listAssistants('../x', 1)).toMatchObject({
      outcome: 'not-read',
      code: 'INVALID_ARGUMENT',
    });
    expect(
      await clientOf(baseUrl, {
        apiKeys: Object.assign(() => undefined, { orgIds: () => [] }),
      }).listAssistants('org_1', 1),
    ).toMatchObject({ outcome: 'not-read', code: 'ORG_NOT_CONFIGURED' });
    expect(requests).toEqual([]);
  });
});
