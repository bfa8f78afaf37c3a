import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createConnectProxy, type ConnectProxyOptions } from '@rekey/testing';
import type { InventClientOptions } from '../client.ts';
import {
  answering,
  clientOf,
  closeAll,
  closers,
  httpServer,
  record,
  target,
  tcpServer,
  until,
} from '../upstream-fixture.ts';

afterEach(closeAll);

const viaProxy = async (
  baseUrl: URL,
  options: ConnectProxyOptions & { authorization?: string } = {},
  clientOptions: Partial<InventClientOptions> = {},
) => {
  const { authorization, ...proxyOptions } = options;
  const proxy = await createConnectProxy(proxyOptions);
  closers.push(() => proxy.close());
  const client = clientOf(baseUrl, {
    proxy: {
      origin: `http://127.0.0.1:${proxy.port}`,
      variable: 'HTTPS_PROXY',
      ...(authorization !== undefined && { authorization }),
    },
    ...clientOptions,
  });
  return { proxy, client };
};

describe('requests through a proxy', () => {
  it('go through a reused tunnel one at a time; the proxy sees none of the requests', async () => {
    const { baseUrl, requests } = await httpServer(answering(200, record()));
    const { proxy, client } = await viaProxy(baseUrl, {}, { connections: 1 });
    const outcomes = await Promise.all([
      client.rotateSecretKey(target),
      client.getAssistant(target),
      client.rotateSecretKey(target),
    ]);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['done', 'read', 'done']);
    expect([proxy.targets, proxy.forwarded, requests.length]).toEqual([[baseUrl.host], [], 3]);
    expect(proxy.headers[0]).not.toHaveProperty('authorization');
    expect(requests.map(({ headers }) => headers['proxy-authorization'])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('open no more tunnels than allowed connections', async () => {
    const { baseUrl, received } = await tcpServer(() => {});
    const { proxy, client } = await viaProxy(baseUrl, {}, { connections: 2 });
    const stop = new AbortController();
    const calls = Array.from({ length: 5 }, (_, i) =>
      client.rotateSecretKey({ ...target, assistantId: `ast_${i}` }, { signal: stop.signal }),
    );
    await until(() => received.length === 2);
    stop.abort();
    const outcomes = await Promise.all(calls);
    expect(outcomes.filter(({ outcome }) => outcome === 'unknown')).toHaveLength(2);
    expect(outcomes.filter(({ outcome }) => outcome === 'not-done')).toHaveLength(3);
    expect(proxy.targets).toHaveLength(2);
  });

  it('send the credentials of the proxy only to the proxy', async () => {
    const { baseUrl, requests } = await httpServer(answering(200, record()));
    const { proxy, client } = await viaProxy(baseUrl, { authorization: 'Basic c2VjcmV0' });
    expect(await client.getAssistant(target)).toMatchObject({ outcome: 'read' });
    expect(proxy.headers[0]).toMatchObject({ 'proxy-authorization': 'Basic c2VjcmV0', host: baseUrl.host });
    expect(requests[0]!.headers).not.toHaveProperty('proxy-authorization');
  });

  it.each([403, 407, 502])(
    'were certainly not sent if the proxy refuses the tunnel with a %i, which is reported',
    async (status) => {
      const { baseUrl, requests } = await httpServer(answering(200, record()));
      const { client } = await viaProxy(baseUrl, { refuseWith: status });
      expect(await client.rotateSecretKey(target)).toEqual({
        outcome: 'not-done',
        code: 'UPSTREAM_UNREACHABLE',
        retry: true,
        reason: `proxy: HTTP ${status}`,
      });
      expect(await client.getAssistant(target)).toMatchObject({
        outcome: 'not-read',
        code: 'UPSTREAM_UNREACHABLE',
        reason: `proxy: HTTP ${status}`,
      });
      expect(requests).toEqual([]);
    },
  );

  it('were certainly not sent if the proxy is absent, silent, or not a proxy', async () => {
    const { baseUrl, requests } = await httpServer(answering(200, record()));
    const gone = await viaProxy(baseUrl);
    await gone.proxy.close();
    expect(await gone.client.rotateSecretKey(target)).toMatchObject({
      outcome: 'not-done',
      reason: 'proxy: ECONNREFUSED',
    });
    const silent = await viaProxy(baseUrl, { refuseWith: 'silent' }, { timeoutMs: 300 });
    expect(await silent.client.rotateSecretKey(target)).toMatchObject({
      outcome: 'not-done',
      code: 'UPSTREAM_UNREACHABLE',
    });
    for (const answer of ['nonsense\r\n\r\n', '']) {
      const { baseUrl: none } = await tcpServer((socket) => socket.end(answer));
      const client = clientOf(baseUrl, { proxy: { origin: none.origin, variable: 'HTTPS_PROXY' } });
      expect(await client.rotateSecretKey(target)).toMatchObject({
        outcome: 'not-done',
        code: 'UPSTREAM_UNREACHABLE',
        reason: expect.stringMatching(/^proxy: /),
      });
    }
    expect(requests).toEqual([]);
  });

  it('are not sent if they are too old when the tunnel is open', async () => {
    const { baseUrl, requests } = await httpServer(answering(200, record()));
    const { proxy, client } = await viaProxy(baseUrl);
    expect(await client.rotateSecretKey(target, { sendBeforeMs: performance.now() - 1 })).toMatchObject({
      outcome: 'not-done',
      code: 'SENT_TOO_LATE',
    });
    expect([proxy.targets.length, requests.length]).toEqual([1, 0]);
  });

  it('have an unknown outcome after they were written, whatever breaks then', async () => {
    const { baseUrl, received } = await tcpServer((socket) => socket.destroy());
    const { client } = await viaProxy(baseUrl);
    expect(await client.rotateSecretKey(target)).toMatchObject({ outcome: 'unknown' });
    expect(received).toHaveLength(1);
  });

  it.each([
    ['a 100', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['a 100 with bare LF', 'HTTP/1.1 100 Continue\n\n'],
    ['an empty line and a 103', '\r\nHTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n'],
  ])('go through a tunnel whose 200 comes after %s', async (_what, before) => {
    const { baseUrl, requests } = await httpServer(answering(200, record()));
    const { baseUrl: proxy } = await tcpServer((socket) => {
      if (socket.listenerCount('data') > 1) return;
      const upstream = connect(Number(baseUrl.port), baseUrl.hostname, () => {
        socket.write(`${before}HTTP/1.1 200 OK\r\n\r\n`);
        socket.pipe(upstream).pipe(socket);
      });
      upstream.on('error', () => socket.destroy());
    });
    const client = clientOf(baseUrl, {
      connections: 1,
      proxy: { origin: proxy.origin, variable: 'HTTPS_PROXY' },
    });
    expect([await client.rotateSecretKey(target), await client.getAssistant(target)]).toMatchObject([
      { outcome: 'done' },
      { outcome: 'read' },
    ]);
    expect(requests).toHaveLength(2);
  });

  it('read past a 100 Continue in the tunnel', async () => {
    const { baseUrl } = await tcpServer((socket) =>
      socket.write(
        'HTTP/1.1 100 Continue\r\n\r\n' +
          `HTTP/1.1 200 OK\r\ncontent-length: ${record().length}\r\n\r\n${record()}`,
      ),
    );
    const { client } = await viaProxy(baseUrl);
    expect(await client.rotateSecretKey(target)).toMatchObject({
      outcome: 'done',
      record: { secretKey: 'sk_1' },
    });
  });
});

describe('requests over TLS', () => {
  let folder: string;
  let trusted: string[];
  let [cert, key] = [Buffer.alloc(0), Buffer.alloc(0)];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rekey-invent-tls-'));
    const args = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'key.pem',
      '-out',
      'cert.pem',
      '-days',
      '2',
      '-subj',
      '/CN=invent.test',
      '-addext',
      'subjectAltName=DNS:invent.test',
    ];
    await promisify(execFile)('openssl', args, { cwd: folder });
    [cert, key] = await Promise.all([readFile(join(folder, 'cert.pem')), readFile(join(folder, 'key.pem'))]);
    trusted = tls.getCACertificates('default');
    tls.setDefaultCACertificates([...trusted, cert.toString()]);
  });
  afterAll(async () => {
    tls.setDefaultCACertificates(trusted);
    await rm(folder, { recursive: true });
  });
  const tlsServer = async () => {
    const received: (string | undefined)[] = [];
    const server = createTlsServer({ cert, key }, (request, response) => {
      const { servername } = request.socket as unknown as { servername: string };
      received.push(`${servername} ${request.headers.host} ${request.method} ${request.url}`);
      response.end(record());
    });
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => sockets.add(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return { port: (server.address() as AddressInfo).port, received };
  };

  it('are encrypted end to end through the tunnel, to the upstream that the proxy resolves', async () => {
    const { port, received } = await tlsServer();
    const { proxy, client } = await viaProxy(
      new URL('https://invent.test'),
      { portOf: () => port },
      { connections: 1 },
    );
    expect(await client.rotateSecretKey(target)).toMatchObject({
      outcome: 'done',
      record: { secretKey: 'sk_1' },
    });
    expect(await client.getAssistant(target)).toMatchObject({ outcome: 'read' });
    expect(proxy.targets).toEqual(['invent.test:443']);
    expect(received).toEqual([
      'invent.test invent.test POST /orgs/org_1/assistants/ast_1/rotate-secret-key',
      'invent.test invent.test GET /orgs/org_1/assistants/ast_1',
    ]);
  });

  it('were certainly not sent if the certificate behind the proxy is not for the upstream', async () => {
    const { port, received } = await tlsServer();
    const { client } = await viaProxy(new URL('https://elsewhere.test'), { portOf: () => port });
    expect(await client.rotateSecretKey(target)).toMatchObject({
      outcome: 'not-done',
      code: 'UPSTREAM_UNREACHABLE',
      reason: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    expect(received).toEqual([]);
  });

  it('were certainly not sent if a proxy breaks the tunnel before TLS is set up', async () => {
    const { client } = await viaProxy(new URL('https://invent.test'), { portOf: () => 1 });
    expect(await client.rotateSecretKey(target)).toMatchObject({
      outcome: 'not-done',
      code: 'UPSTREAM_UNREACHABLE',
    });
  });
});
