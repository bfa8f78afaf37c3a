import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MAX_RECORD_BYTES } from '@rekey/schema';
import { clientOf, closeAll, httpServer, record, target, tcpServer } from '../upstream-fixture.ts';

afterEach(closeAll);

const MEBIBYTE = 1024 * 1024;
const answeringBytes = async (body: Buffer, headers: Record<string, string> = {}, status = 200) => {
  const server = await httpServer((_request, response) => response.writeHead(status, headers).end(body));
  return { ...server, client: clientOf(server.baseUrl, { timeoutMs: 10_000 }) };
};

describe('content encodings', () => {
  it('are not requested', async () => {
    const { client, requests } = await answeringBytes(Buffer.from(record()));
    await client.getAssistant(target);
    expect(requests[0]!.headers['accept-encoding']).toBe('identity');
  });

  it.each<[string, (text: string) => Buffer]>([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['GZip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['gzip, br', (text) => brotliCompressSync(gzipSync(text))],
    ['deflate,identity , gzip', (text) => gzipSync(deflateSync(text))],
    ['identity', (text) => Buffer.from(text)],
    ['', (text) => Buffer.from(text)],
  ])(
    '%j is decoded although not requested, in answers to all kinds of requests',
    async (encoding, encode) => {
      const one = await answeringBytes(encode(record()), { 'content-encoding': encoding });
      expect(await one.client.rotateSecretKey(target)).toMatchObject({
        outcome: 'done',
        record: { secretKey: 'sk_1', json: record() },
      });
      expect(await one.client.getAssistant(target)).toMatchObject({
        outcome: 'read',
        record: { secretKey: 'sk_1', json: record() },
      });
      const many = await answeringBytes(encode(`[${record()}]`), { 'content-encoding': encoding });
      expect(await many.client.listAssistants('org_1', 1)).toMatchObject({
        outcome: 'read',
        page: { records: [{ id: 'ast_1', secretKey: 'sk_1' }] },
      });
    },
  );

  it.each<[string, string, Buffer]>([
    ['that the body does not have', 'gzip', Buffer.from([0x00, ...Buffer.from(record())])],
    ['over plain text that is not UTF-8', 'gzip', Buffer.from(record({ secret_key: 'sk_\u00fc' }), 'latin1')],
    ['that is unknown, over a compressed body', 'x-sk_1', gzipSync(record())],
    ['whose body is truncated', 'br', brotliCompressSync(record()).subarray(0, 40)],
    [
      'five times over',
      'gzip, gzip, gzip, gzip, gzip',
      Array.from({ length: 5 }).reduce<Buffer>((bytes) => gzipSync(bytes), Buffer.from(record())),
    ],
  ])('one %s makes a POST unknown and a GET not read, and is not quoted', async (_what, encoding, body) => {
    const { client } = await answeringBytes(body, { 'content-encoding': encoding });
    const outcomes = [
      await client.rotateSecretKey(target),
      await client.getAssistant(target),
      await client.listAssistants('org_1', 1),
    ];
    expect(outcomes).toMatchObject([
      { outcome: 'unknown', status: 200, code: 'ANSWER_UNREADABLE' },
      { outcome: 'not-read', status: 200, code: 'ANSWER_UNREADABLE' },
      { outcome: 'not-read', code: 'ANSWER_UNREADABLE' },
    ]);
    expect(JSON.stringify(outcomes)).not.toContain('sk_1');
  });

  it.each<[string, (text: string) => Buffer]>([
    ['gzip', Buffer.from],
    ['br', Buffer.from],
    ['deflate', Buffer.from],
    ['zstd', Buffer.from],
    ['gzip, br', Buffer.from],
    ['gzip', (text) => Buffer.from(`\ufeff ${text}`)],
    ['gzip, gzip', gzipSync],
    ['utf-8', Buffer.from],
    ['UTF-8, gzip', gzipSync],
    ['none', Buffer.from],
    ['binary', Buffer.from],
    ['identity;q=1', Buffer.from],
    ['constructor', Buffer.from],
    ['sk_1', Buffer.from],
  ])(
    '%j that the body does not have is ignored if the body is JSON, and reported with the record',
    async (encoding, encode) => {
      const { client } = await answeringBytes(encode(record()), { 'content-encoding': encoding });
      const said = { unexpected: ['content-encoding'], secretKey: 'sk_1' };
      expect(await client.rotateSecretKey(target)).toMatchObject({ outcome: 'done', record: said });
      expect(await client.getAssistant(target)).toMatchObject({ outcome: 'read', record: said });
      const many = await answeringBytes(encode(`[${record()}]`), { 'content-encoding': encoding });
      expect(await many.client.listAssistants('org_1', 1)).toMatchObject({
        outcome: 'read',
        page: { records: [{ secretKey: 'sk_1' }] },
      });
    },
  );

  it.each(['deflate', 'br', 'zstd'])('%s with bytes after its end is read', async (encoding) => {
    const encode = { deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync }[encoding]!;
    const { client } = await answeringBytes(Buffer.concat([encode(record()), Buffer.from('xx')]), {
      'content-encoding': encoding,
    });
    expect(await client.rotateSecretKey(target)).toMatchObject({
      outcome: 'done',
      record: { secretKey: 'sk_1' },
    });
  });

  it('do not matter in a refusal, where the status is enough', async () => {
    const { client } = await answeringBytes(Buffer.from('what'), { 'content-encoding': 'gzip' }, 404);
    expect(await client.rotateSecretKey(target)).toMatchObject({
      outcome: 'not-done',
      code: 'ASSISTANT_NOT_FOUND',
    });
  });

  it('stop decoding a small body that expands beyond the limit of an answer', async () => {
    const { client } = await answeringBytes(gzipSync(Buffer.alloc(200 * MEBIBYTE)), {
      'content-encoding': 'gzip',
    });
    expect(await client.rotateSecretKey(target)).toMatchObject({
      outcome: 'unknown',
      code: 'RECORD_TOO_LARGE',
      reason: `the decoded answer is longer than ${MAX_RECORD_BYTES} bytes`,
    });
    expect(await client.getAssistant(target)).toMatchObject({
      outcome: 'not-read',
      code: 'RECORD_TOO_LARGE',
    });
  });
});

describe('text', () => {
  it('is read without a byte order mark at its start', async () => {
    const { client } = await answeringBytes(Buffer.from(`\ufeff${record({ name: '\ufeffn' })}`));
    expect(await client.rotateSecretKey(target)).toMatchObject({
      outcome: 'done',
      record: { json: record({ name: '\ufeffn' }) },
    });
    const many = await answeringBytes(gzipSync(`\ufeff[${record()}]`), { 'content-encoding': 'gzip' });
    expect(await many.client.listAssistants('org_1', 1)).toMatchObject({
      outcome: 'read',
      page: { records: [{ id: 'ast_1' }] },
    });
  });

  it('that is not UTF-8 yields no key: replacement characters would change it', async () => {
    const latin1 = Buffer.from(record({ secret_key: 'sk_\u00fc' }), 'latin1');
    const { client } = await answeringBytes(latin1, {
      'content-type': 'application/json; charset=iso-8859-1',
    });
    expect(await client.rotateSecretKey(target)).toMatchObject({
      outcome: 'unknown',
      code: 'ANSWER_UNREADABLE',
    });
    expect(await client.getAssistant(target)).toMatchObject({
      outcome: 'not-read',
      code: 'ANSWER_UNREADABLE',
      reason: 'a body that is not UTF-8',
    });
    const utf16 = await answeringBytes(Buffer.from(`\ufeff${record()}`, 'utf16le'));
    expect(await utf16.client.getAssistant(target)).toMatchObject({
      outcome: 'not-read',
      code: 'ANSWER_UNREADABLE',
    });
  });

  it('with a key that was corrupted on its way yields no key', async () => {
    const { client } = await answeringBytes(Buffer.from(record({ secret_key: 'sk_\ufffd1' })));
    expect(await client.rotateSecretKey(target)).toMatchObject({ outcome: 'unknown' });
    expect(await client.getAssistant(target)).toMatchObject({ outcome: 'not-read', code: 'KEYS_NOT_SHOWN' });
  });

  it('that names its key twice yields no key: two parsers may read two keys', async () => {
    const twice = record().replace('"secret_key":"sk_1"', '"secret_key":"sk_0","secret_key":"sk_1"');
    const { client } = await answeringBytes(Buffer.from(twice));
    expect(await client.rotateSecretKey(target)).toMatchObject({ outcome: 'unknown', status: 200 });
    expect(await client.getAssistant(target)).toMatchObject({ outcome: 'not-read' });
    const nested = record({ config: { secret_key: 'other', text: ', "secret_key": "' } });
    const fine = await answeringBytes(Buffer.from(nested));
    expect(await fine.client.getAssistant(target)).toMatchObject({
      outcome: 'read',
      record: { secretKey: 'sk_1', json: nested },
    });
  });
});

describe('informational answers', () => {
  const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
  const HINTS = 'HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n';
  const final = `HTTP/1.1 200 OK\r\ncontent-length: ${record().length}\r\n\r\n${record()}`;

  it.each([
    ['100', CONTINUE],
    ['100 with headers', 'HTTP/1.1 100 Continue\r\nserver: proxy\r\nx-a: b\r\n\r\n'],
    ['100 of HTTP/1.0', 'HTTP/1.0 100 Continue\r\n\r\n'],
    ['100 twice', CONTINUE + CONTINUE],
    ['103', HINTS],
    ['100 with bare LF', 'HTTP/1.1 100 Continue\n\n'],
    ['100 with both', 'HTTP/1.1 100 Continue\r\nserver: proxy\n\r\n'],
    ['100 without a reason, with bare LF', 'HTTP/1.1 100\n\n'],
    ['an empty line and 100', `\r\n${CONTINUE}`],
    ['empty lines before and after', `\n\r\n${CONTINUE}\r\n`],
    ['an empty line', '\r\n'],
    ['102 and 103', `HTTP/1.1 102 Processing\r\n\r\n${HINTS}`],
    ['103, 100 and 103', HINTS + CONTINUE + HINTS],
    ['one hundred of 100', CONTINUE.repeat(100)],
  ])('before the answer are skipped, and the connection is reused: %s', async (_what, informational) => {
    const { baseUrl, received, sockets } = await tcpServer((socket) => socket.write(informational + final));
    const client = clientOf(baseUrl, { connections: 1 });
    for (let i = 0; i < 3; i += 1)
      expect(await client.getAssistant(target)).toMatchObject({
        outcome: 'read',
        record: { secretKey: 'sk_1' },
      });
    expect(await client.rotateSecretKey(target)).toMatchObject({
      outcome: 'done',
      record: { secretKey: 'sk_1' },
    });
    expect([received.length, sockets.size]).toEqual([4, 1]);
  });

  it('are skipped if they arrive byte by byte, with the answer at once or later', async () => {
    const bytes = Buffer.from(CONTINUE + HINTS + CONTINUE + final);
    const { baseUrl } = await tcpServer(async (socket) => {
      socket.setNoDelay(true);
      for (const byte of bytes.subarray(0, bytes.length - record().length)) {
        await new Promise<unknown>((resolve) => socket.write(Buffer.of(byte), resolve));
        await new Promise(setImmediate);
      }
      socket.write(record());
    });
    expect(await clientOf(baseUrl).rotateSecretKey(target)).toMatchObject({
      outcome: 'done',
      record: { secretKey: 'sk_1' },
    });
  });

  it('are not an answer: a POST whose connection ends after one is unknown, without a status', async () => {
    for (const informational of [CONTINUE, HINTS]) {
      const { baseUrl } = await tcpServer((socket) => socket.end(informational));
      const outcome = await clientOf(baseUrl).rotateSecretKey(target);
      expect(outcome).toMatchObject({ outcome: 'unknown' });
      expect(outcome).not.toHaveProperty('status');
    }
  });

  it.each([
    'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
    'HTTP/1.1 1000 What\r\n\r\n',
    `HTTP/1.1 100 Continue\r\nx: ${'y'.repeat(40_000)}`,
  ])('that are malformed leave the outcome unknown: %#', async (head) => {
    const { baseUrl } = await tcpServer((socket) => socket.write(head + final));
    expect(await clientOf(baseUrl, { timeoutMs: 500 }).rotateSecretKey(target)).toMatchObject({
      outcome: 'unknown',
    });
  });

  it('in a body are ordinary text', async () => {
    const text = record({ name: CONTINUE });
    const { baseUrl } = await tcpServer((socket) => {
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text.slice(0, text.indexOf('HTTP'))}`,
      );
      setTimeout(() => socket.write(text.slice(text.indexOf('HTTP'))), 20);
    });
    expect(await clientOf(baseUrl).getAssistant(target)).toMatchObject({
      outcome: 'read',
      record: { json: text },
    });
  });
});

describe('statuses that Invent does not document', () => {
  it.each([
    300, 301, 302, 303, 304, 305, 307, 308, 201, 202, 204, 402, 405, 406, 410, 415, 418, 422, 426, 451,
  ])('make a POST unknown and a GET not read on a lasting %i, without redirect or retry', async (status) => {
    const { baseUrl, requests } = await httpServer((_request, response) =>
      response.writeHead(status, { location: '/elsewhere' }).end(),
    );
    const client = clientOf(baseUrl);
    expect(await client.rotateSecretKey(target)).toMatchObject({
      outcome: 'unknown',
      status,
      code: 'UPSTREAM_UNEXPECTED',
    });
    expect(await client.getAssistant(target)).toMatchObject({
      outcome: 'not-read',
      status,
      code: 'UPSTREAM_UNEXPECTED',
    });
    expect(await client.listAssistants('org_1', 1)).toMatchObject({
      outcome: 'not-read',
      status,
      code: 'UPSTREAM_UNEXPECTED',
    });
    expect(requests).toHaveLength(3);
  });

  it.each([500, 502, 503, 504, 408, 409, 423, 425])('do not include a %i, which may pass', async (status) => {
    const { baseUrl } = await httpServer((_request, response) => response.writeHead(status).end());
    expect(await clientOf(baseUrl).rotateSecretKey(target)).not.toHaveProperty('code');
    expect(await clientOf(baseUrl).getAssistant(target)).toMatchObject({
      code: 'UPSTREAM_UNREACHABLE',
      status,
    });
  });

  it.each([
    [
      'https://login.example/secret-path?token=secret#secret',
      'HTTP 302, a redirect to https://login.example',
    ],
    ['https://user:secret@login.example:8443/', 'HTTP 302, a redirect to https://login.example:8443'],
    ['//other.example/secret', 'HTTP 302, a redirect to http://other.example'],
    ['/secret', 'HTTP 302, a redirect to the same host'],
    ['javascript:secret', 'HTTP 302'],
    ['http://[secret', 'HTTP 302'],
    [`https://${'secret.'.repeat(100)}example/`, 'HTTP 302'],
  ])('name only the origin of a redirect to %j', async (location, reason) => {
    const { baseUrl } = await httpServer((_request, response) => response.writeHead(302, { location }).end());
    expect(await clientOf(baseUrl).getAssistant(target)).toMatchObject({ reason });
  });
});

describe('long answers', () => {
  const ofLength = (bytes: number) => {
    const empty = record({ name: '' }).length;
    return record({ name: 'n'.repeat(bytes - empty) });
  };

  it('of a record are read up to 16 MiB', async () => {
    const longest = ofLength(MAX_RECORD_BYTES);
    const fits = await answeringBytes(Buffer.from(longest));
    expect(await fits.client.rotateSecretKey(target)).toMatchObject({
      outcome: 'done',
      record: { secretKey: 'sk_1' },
    });
    const tooLong = await answeringBytes(Buffer.from(`${longest} `));
    expect(await tooLong.client.rotateSecretKey(target)).toMatchObject({
      outcome: 'unknown',
      status: 200,
      code: 'RECORD_TOO_LARGE',
      reason: `the answer is longer than ${MAX_RECORD_BYTES} bytes`,
    });
    expect(await tooLong.client.getAssistant(target)).toMatchObject({
      outcome: 'not-read',
      status: 200,
      code: 'RECORD_TOO_LARGE',
    });
  });

  it('of a page are read up to 64 MiB; a record too long for its own GET is marked', async () => {
    const [short, long] = [record({ id: 'ast_2' }), ofLength(MAX_RECORD_BYTES + 1)];
    const { client, requests } = await answeringBytes(Buffer.from(`[${short},${long}]`));
    const outcome = await client.listAssistants('org_1', 3, { take: 10 });
    expect(
      outcome.outcome === 'read' &&
        outcome.page.records.map(({ id, secretKey, tooLarge }) => [id, secretKey, tooLarge]),
    ).toEqual([
      ['ast_2', 'sk_1', undefined],
      ['ast_1', 'sk_1', true],
    ]);
    expect(requests[0]!.url).toBe('/orgs/org_1/assistants?page=3&take=10');
    const beyond = await answeringBytes(gzipSync(Buffer.alloc(64 * MEBIBYTE + 1, ' ')), {
      'content-encoding': 'gzip',
    });
    expect(await beyond.client.listAssistants('org_1', 1)).toMatchObject({
      outcome: 'not-read',
      code: 'RECORD_TOO_LARGE',
    });
  });

  it('do not matter if the status is enough', async () => {
    const { client } = await answeringBytes(Buffer.alloc(MAX_RECORD_BYTES + 1), {}, 404);
    expect(await client.rotateSecretKey(target)).toMatchObject({
      outcome: 'not-done',
      code: 'ASSISTANT_NOT_FOUND',
    });
  });
});
