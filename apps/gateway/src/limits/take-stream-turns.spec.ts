import { connect, createServer, type ClientHttp2Session, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { takeTurns } from '@rekey/rpc';
import { takeStreamTurns } from './take-stream-turns.ts';

const REFUSED = 7;
const CANCEL = 8;

let server: Http2Server;
let session: ClientHttp2Session;
let begun: string[];
let refused: string[];
let ended: number;
const start = async (waitingTurns: number): Promise<void> => {
  [begun, refused, ended] = [[], [], 0];
  server = createServer({ settings: { maxConcurrentStreams: 5000 } });
  server.on('session', (one) => one.on('error', () => {}));
  server.on('stream', (stream, headers) => {
    begun.push(String(headers[':path']));
    stream.on('end', () => (ended += 1));
    stream.resume();
    // Work of a third of a slice.
    for (const endMs = performance.now() + 0.7; performance.now() < endMs;);
    stream.respond({ ':status': 200 }, { endStream: true });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const takesTurns = (path: string) => path !== '/health';
  takeStreamTurns([server], takeTurns(waitingTurns), { takesTurns }, (limit) => refused.push(limit));
  session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  session.on('error', () => {});
  await new Promise((resolve) => session.once('remoteSettings', resolve));
};
afterEach(() => {
  session.destroy();
  server.close();
});

/** A call; resolves with how its stream was closed. */
const call = (path: string, { reset = false, bytes = 8 } = {}): Promise<number> =>
  new Promise((resolve) => {
    const stream = session.request({ ':path': path, ':method': 'POST' });
    stream.on('error', () => {});
    stream.on('close', () => resolve(stream.rstCode ?? 0));
    stream.resume();
    stream.end(Buffer.alloc(bytes));
    if (reset) setImmediate(() => stream.close(CANCEL));
  });

describe('calls that come at once', () => {
  it('begin in their order, and what takes no turn begins before those that wait', async () => {
    await start(1000);
    const calls = Array.from({ length: 200 }, (_, i) => call(`/${i}`));
    expect(await Promise.all([...calls, call('/health')])).toEqual(Array.from({ length: 201 }, () => 0));
    expect(begun.filter((path) => path !== '/health')).toEqual(
      Array.from({ length: 200 }, (_, i) => `/${i}`),
    );
    expect(begun.indexOf('/health')).toBeLessThan(100);
  });

  it('are refused if too many wait: clients send them again', async () => {
    await start(50);
    const codes = await Promise.all(Array.from({ length: 400 }, (_, i) => call(`/${i}`)));
    const served = codes.filter((code) => code === 0).length;
    expect(codes.filter((code) => code === REFUSED)).toHaveLength(400 - served);
    expect(refused).toEqual(Array.from({ length: 400 - served }, () => 'turns'));
    expect(begun).toHaveLength(served);
    expect(served).toBeGreaterThanOrEqual(50);
  });

  it.each([
    ['without', 0],
    ['with', 8],
  ])('are told once that their request %s a message has ended, also before their turn', async (_, bytes) => {
    await start(1000);
    await Promise.all(Array.from({ length: 200 }, (_call, i) => call(`/${i}`, { bytes })));
    expect([begun.length, ended]).toEqual([200, 200]);
  });

  it('begin nothing if they end before their turn', async () => {
    await start(5000);
    const kept = Array.from({ length: 100 }, (_, i) => call(`/kept-${i}`));
    const gone = Array.from({ length: 300 }, (_, i) => call(`/gone-${i}`, { reset: true }));
    await Promise.all([...kept, ...gone]);
    expect(begun.filter((path) => path.startsWith('/kept'))).toHaveLength(100);
    expect(begun.filter((path) => path.startsWith('/gone')).length).toBeLessThan(300);
  });
});
