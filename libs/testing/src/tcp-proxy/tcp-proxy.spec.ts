import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort } from '../processes/free-port.ts';
import { startRedis, type RedisServer } from '../redis/redis-server.ts';
import { createTcpProxy, type TcpProxy } from './tcp-proxy.ts';

/** A socket with everything that it has received, and how it ended. */
interface Peer {
  socket: Socket;
  received: string;
  /** An error code, or `end`; undefined while it is open. */
  ended: string | undefined;
}

let target: Server;
let accepted: Peer[];
let clients: Peer[];
let proxy: TcpProxy;

const observe = (socket: Socket): Peer => {
  const peer: Peer = { socket, received: '', ended: undefined };
  socket.on('data', (chunk) => (peer.received += chunk.toString('latin1')));
  socket.on('error', (error: NodeJS.ErrnoException) => (peer.ended = error.code));
  socket.on('close', () => (peer.ended ??= 'end'));
  return peer;
};
const until = async (holds: () => boolean, timeoutMs = 4000): Promise<void> => {
  const deadline = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`never so: ${holds}`);
    await nextTurn();
  }
};
const client = async (port = proxy.port): Promise<Peer> => {
  const peer = observe(connect(port, '127.0.0.1'));
  clients.push(peer);
  await Promise.race([once(peer.socket, 'connect'), once(peer.socket, 'close')]).catch(() => {});
  return peer;
};
/** A client, and the same connection as the target sees it. */
const pair = async (): Promise<[Peer, Peer]> => {
  const before = accepted.length;
  const peer = await client();
  await until(() => accepted.length > before);
  return [peer, accepted.at(-1)!];
};
/**
 * Waits long enough for bytes that must not arrive: a connection past the proxy has made several round trips
 * meanwhile.
 */
const waitForBytes = async (): Promise<void> => {
  const direct = await client((target.address() as AddressInfo).port);
  const isOther = ({ socket }: Peer) => socket.remotePort === direct.socket.localPort;
  await until(() => accepted.some(isOther));
  const other = accepted.find(isOther)!;
  for (let turn = 1; turn <= 20; turn += 1) {
    direct.socket.write('.');
    await until(() => other.received.length === turn);
    other.socket.write('.');
    await until(() => direct.received.length === turn);
  }
};

beforeEach(async () => {
  accepted = [];
  clients = [];
  target = createServer((socket) => accepted.push(observe(socket)));
  target.listen(0, '127.0.0.1');
  await once(target, 'listening');
  proxy = await createTcpProxy({ port: (target.address() as AddressInfo).port });
});
afterEach(async () => {
  await proxy.close();
  for (const { socket } of [...clients, ...accepted]) socket.destroy();
  target.close();
});

describe('createTcpProxy', () => {
  it('forwards bytes both ways, and the end of each side', async () => {
    const [near, far] = await pair();
    near.socket.write('ask');
    await until(() => far.received === 'ask');
    far.socket.end('answer');
    await until(() => near.ended !== undefined && far.ended !== undefined);
    expect([near.received, near.ended, far.ended]).toEqual(['answer', 'end', 'end']);
  });

  it('loses nothing if one side reads slowly', async () => {
    const [near, far] = await pair();
    far.socket.pause();
    const bytes = 'x'.repeat(8_000_000);
    near.socket.end(bytes);
    await waitForBytes();
    far.socket.resume();
    await until(() => far.ended !== undefined);
    expect(far.received.length).toBe(bytes.length);
  });

  it('listens on the given port, and rejects if that is in use', async () => {
    const listenPort = await freePort();
    const other = await createTcpProxy({ port: proxy.port, listenPort });
    expect(other.port).toBe(listenPort);
    await expect(createTcpProxy({ port: proxy.port, listenPort })).rejects.toThrow('EADDRINUSE');
    await other.close();
  });

  it('resets a client whose target does not listen', async () => {
    const other = await createTcpProxy({ port: await freePort() });
    const near = await client(other.port);
    await until(() => near.ended !== undefined);
    expect(near.ended).toBe('ECONNRESET');
    await other.close();
  });

  it('resets a client whose target resets the connection', async () => {
    const [near, far] = await pair();
    far.socket.resetAndDestroy();
    await until(() => near.ended !== undefined);
    expect(near.ended).toBe('ECONNRESET');
  });

  it('can be closed twice, and closes its connections', async () => {
    const [near] = await pair();
    await Promise.all([proxy.close(), proxy.close()]);
    await until(() => near.ended !== undefined);
    expect((await client()).ended).toBe('ECONNREFUSED');
  });
});

describe('cut', () => {
  it('resets both sides and accepts new connections', async () => {
    const [near, far] = await pair();
    proxy.cut();
    await until(() => near.ended !== undefined && far.ended !== undefined);
    expect([near.ended, far.ended]).toEqual(['ECONNRESET', 'ECONNRESET']);
    const [again, there] = await pair();
    again.socket.write('ask');
    await until(() => there.received === 'ask');
  });
});

describe('stall', () => {
  it('holds bytes both ways, and forwards them afterwards', async () => {
    const [near, far] = await pair();
    proxy.stall(true);
    near.socket.write('ask');
    far.socket.write('news');
    const later = await client();
    later.socket.write('hello');
    await waitForBytes();
    expect(accepted.filter(({ received }) => received === 'hello')).toEqual([]);
    expect([near, far, later].map(({ received, ended }) => [received, ended])).toEqual([
      ['', undefined],
      ['', undefined],
      ['', undefined],
    ]);
    proxy.stall(false);
    await until(
      () =>
        far.received === 'ask' &&
        near.received === 'news' &&
        accepted.some(({ received }) => received === 'hello'),
    );
  });

  it('delivers what a client sent before it ended, once the stall is over', async () => {
    const [near, far] = await pair();
    proxy.stall(true);
    near.socket.end('last words');
    await waitForBytes();
    expect([far.received, far.ended]).toEqual(['', undefined]);
    proxy.stall(false);
    await until(() => far.ended !== undefined);
    expect(far.received).toBe('last words');
  });

  it('hides the reset of a client from the target until the stall is over', async () => {
    const [near, far] = await pair();
    proxy.stall(true);
    near.socket.resetAndDestroy();
    await waitForBytes();
    expect(far.ended).toBeUndefined();
    proxy.stall(false);
    await until(() => far.ended !== undefined);
  });

  it('can be cut', async () => {
    const [near, far] = await pair();
    proxy.stall(true);
    proxy.cut();
    await until(() => near.ended !== undefined && far.ended !== undefined);
    expect([near.ended, far.ended]).toEqual(['ECONNRESET', 'ECONNRESET']);
  });
});

describe('strand', () => {
  it('holds the bytes of open connections forever; new connections work', async () => {
    const [near, far] = await pair();
    proxy.strand();
    near.socket.write('ask');
    far.socket.write('news');
    const [later, there] = await pair();
    later.socket.write('hello');
    await until(() => there.received === 'hello');
    proxy.stall(true);
    proxy.stall(false);
    await waitForBytes();
    expect([near, far].map(({ received, ended }) => [received, ended])).toEqual([
      ['', undefined],
      ['', undefined],
    ]);
  });

  it('hides the reset of one side from the other until it is cut', async () => {
    const [near, far] = await pair();
    proxy.strand();
    near.socket.destroy();
    await waitForBytes();
    expect(far.ended).toBeUndefined();
    proxy.cut();
    await until(() => far.ended !== undefined);
  });
});

describe('refuse', () => {
  it('cuts, refuses, and accepts again on the same port', async () => {
    const [near] = await pair();
    proxy.refuse(true);
    await until(() => near.ended !== undefined);
    expect([(await client()).ended, (await client()).ended]).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
    proxy.refuse(false);
    const [again, there] = await pair();
    again.socket.write('ask');
    await until(() => there.received === 'ask');
  });

  it('obeys the last call', async () => {
    proxy.refuse(true);
    proxy.refuse(false);
    proxy.refuse(true);
    expect((await client()).ended).toBe('ECONNREFUSED');
    proxy.refuse(false);
    await pair();
  });
});

describe('once', () => {
  it('before: acts before the chunk is forwarded, then destroys the connection', async () => {
    const [near, far] = await pair();
    let seen: unknown;
    const acted = proxy.once('KILL', 'before', async () => {
      await waitForBytes();
      seen = [far.received, near.ended, far.ended];
    });
    near.socket.write('first');
    await until(() => far.received === 'first');
    near.socket.write('now KILL it');
    await acted;
    await until(() => near.ended !== undefined && far.ended !== undefined);
    expect(seen).toEqual(['first', undefined, undefined]);
    expect([near.ended, far.received]).toEqual(['ECONNRESET', 'first']);
  });

  it('after: acts once the target has answered, and drops the answer', async () => {
    const [near, far] = await pair();
    let seen: unknown;
    const acted = proxy.once(Buffer.from('KILL'), 'after', () => {
      seen = [far.received, near.received];
    });
    near.socket.write('KILL th');
    await until(() => far.received === 'KILL th');
    near.socket.write('is');
    await until(() => far.received === 'KILL this');
    expect(seen).toBeUndefined();
    far.socket.write('done');
    await acted;
    await until(() => near.ended !== undefined);
    expect(seen).toEqual(['KILL this', '']);
    expect([near.received, near.ended]).toEqual(['', 'ECONNRESET']);
  });

  it('after: forwards the rest of the command while it acts, and no answer', async () => {
    const [near, far] = await pair();
    let seen: unknown;
    const acted = proxy.once('KILL', 'after', async () => {
      near.socket.write(' and more');
      await until(() => far.received === 'KILL and more');
      far.socket.write('done');
      await waitForBytes();
      seen = near.received;
    });
    near.socket.write('KILL');
    await until(() => far.received === 'KILL');
    far.socket.write('an earlier answer');
    await acted;
    expect(seen).toBe('');
  });

  it('held: holds the bytes of the target while it acts, and forwards them afterwards', async () => {
    const [near, far] = await pair();
    let seen: unknown;
    const acted = proxy.once('KILL', 'held', async () => {
      await until(() => far.received === 'KILL and more');
      far.socket.write('done');
      await waitForBytes();
      seen = near.received;
    });
    near.socket.write('KILL');
    await until(() => far.received === 'KILL');
    near.socket.write(' and more');
    await acted;
    await until(() => near.received === 'done');
    expect([seen, near.ended]).toEqual(['', undefined]);
  });

  it('acts once for several patterns', async () => {
    const [near, far] = await pair();
    let acts = 0;
    const acted = proxy.once(['MURDER', 'KILL'], 'before', () => void (acts += 1));
    near.socket.write('KILL');
    await acted;
    const [again, there] = await pair();
    again.socket.write('MURDER');
    await until(() => there.received === 'MURDER');
    expect([acts, far.received]).toEqual([1, '']);
  });

  it('forwards what the target sends before the pattern, and does not affect other connections', async () => {
    const [[near, far], [other, there]] = [await pair(), await pair()];
    const acted = proxy.once('KILL', 'after', () => {});
    far.socket.write('early');
    await until(() => near.received === 'early');
    near.socket.write('KILL');
    await until(() => far.received === 'KILL');
    there.socket.write('mine');
    await until(() => other.received === 'mine');
    far.socket.write('late');
    await acted;
    expect([near.received, other.ended]).toEqual(['early', undefined]);
  });

  it.each(['before', 'after'] as const)(
    '%s: recognizes a pattern that is split into chunks of one byte',
    async (when) => {
      const [near, far] = await pair();
      far.socket.on('data', () => far.received.endsWith('LL') && far.socket.write('done'));
      let acts = 0;
      const acted = proxy.once('KILL', when, () => void (acts += 1));
      for (const [i, byte] of [...'KIKILL'].entries()) {
        near.socket.write(byte);
        await until(() => far.received.length === i + 1 || acts === 1);
      }
      await acted;
      expect(far.received).toBe({ before: 'KIKIL', after: 'KIKILL' }[when]);
    },
  );

  it('ignores bytes that were sent before it was armed', async () => {
    const [near, far] = await pair();
    let acts = 0;
    void proxy.once('a much longer pattern', 'before', () => void (acts += 1));
    near.socket.write('KILL');
    await until(() => far.received === 'KILL');
    void proxy.once('KILL', 'before', () => void (acts += 1));
    near.socket.write(' not');
    await until(() => far.received === 'KILL not');
    expect(acts).toBe(0);
  });

  it('acts only on the first connection that sends the pattern', async () => {
    let acts = 0;
    const [near] = await pair();
    const acted = proxy.once('KILL', 'before', () => void (acts += 1));
    near.socket.write('KILL');
    await acted;
    const [again, far] = await pair();
    again.socket.write('KILL');
    await until(() => far.received === 'KILL');
    expect(acts).toBe(1);
  });

  it('stays armed if the connection ends without an answer', async () => {
    let acts = 0;
    const acted = proxy.once('KILL', 'after', () => void (acts += 1));
    const [near, far] = await pair();
    near.socket.write('KILL');
    await until(() => far.received === 'KILL');
    far.socket.end();
    await until(() => near.ended !== undefined);
    expect(acts).toBe(0);
    const [again, there] = await pair();
    again.socket.write('KILL');
    await until(() => there.received === 'KILL');
    there.socket.write('done');
    await acted;
    expect(acts).toBe(1);
  });

  it('rejects if act does, and still destroys the connection', async () => {
    const [near] = await pair();
    const acted = proxy.once('KILL', 'before', () => Promise.reject(new Error('no such process')));
    near.socket.write('KILL');
    await expect(acted).rejects.toThrow('no such process');
    await until(() => near.ended !== undefined);
  });

  it('allows act to cut all connections', async () => {
    const [[near], [other]] = [await pair(), await pair()];
    const acted = proxy.once('KILL', 'before', () => proxy.cut());
    near.socket.write('KILL');
    await acted;
    await until(() => near.ended !== undefined && other.ended !== undefined);
    expect([near.ended, other.ended]).toEqual(['ECONNRESET', 'ECONNRESET']);
  });
});

describe('in front of a Redis', () => {
  let redis: RedisServer;
  let inFront: TcpProxy;
  beforeAll(async () => {
    redis = await startRedis();
    inFront = await createTcpProxy({ port: redis.port });
  });
  afterAll(async () => {
    await inFront.close();
    await redis.dispose();
  });

  it.each([
    ['before', '$-1\r\n'],
    ['after', '$1\r\n1\r\n'],
  ] as const)(
    'distinguishes a command that was never executed (%s) from one whose answer was lost',
    async (when, counted) => {
      const near = await client(inFront.port);
      const acted = inFront.once(`INCR ${when}`, when, () => {});
      near.socket.write(`INCR ${when}\r\n`);
      await acted;
      await until(() => near.ended !== undefined);
      expect(near.received).toBe('');
      const later = await client(inFront.port);
      later.socket.write(`GET ${when}\r\n`);
      await until(() => later.received.length >= counted.length);
      expect(later.received).toBe(counted);
    },
  );
});
