import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { awaitFirstBytes, type Arrivals } from './await-first-bytes.ts';

const SILENT_MS = 300;
let server: Server;
let arrivals: Arrivals;
let begun: string[];
let limited: string[];
let clients: Socket[];

beforeEach(async () => {
  begun = [];
  limited = [];
  clients = [];
  arrivals = awaitFirstBytes(
    { open: 3, withinMs: SILENT_MS },
    (socket) => {
      begun.push(String(socket.read()));
      if (begun.at(-1) === 'throw') throw new Error('broken');
      if (begun.at(-1) === 'slow') for (const endMs = performance.now() + 3; performance.now() < endMs;);
    },
    (limit) => limited.push(limit),
  );
  server = createServer(arrivals.add);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  arrivals.close();
  for (const client of clients) client.destroy();
  server.close();
  await once(server, 'close');
});

const dial = async (): Promise<Socket> => {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  client.resume();
  clients.push(client);
  await once(server, 'connection');
  return client;
};
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
};

it('begins a connection with the bytes that it has sent, and not before', async () => {
  const first = await dial();
  const second = await dial();
  expect([arrivals.count(), begun]).toEqual([2, []]);
  second.write('second');
  await until(() => begun.length === 1);
  first.write('first');
  await until(() => begun.length === 2);
  expect([begun, arrivals.count(), limited]).toEqual([['second', 'first'], 0, []]);
});

it('begins the others if one of them cannot be begun, and ends that one', async () => {
  const broken = await dial();
  const other = await dial();
  broken.write('throw');
  await until(() => begun.length === 1);
  other.write('other');
  await until(() => begun.length === 2);
  expect(begun).toEqual(['throw', 'other']);
  await until(() => broken.closed);
});

it('ends the oldest if too many are silent', async () => {
  const oldest = await dial();
  for (let i = 0; i < 3; i += 1) await dial();
  await once(oldest, 'close');
  expect([arrivals.count(), limited, clients.filter(({ closed }) => closed)]).toEqual([
    3,
    ['handshakes'],
    [oldest],
  ]);
});

it('ends those that stay silent, each in its time, and none that has begun', async () => {
  const talks = await dial();
  talks.write('hello');
  const silent = await dial();
  const beganMs = performance.now();
  await once(silent, 'close');
  expect(performance.now() - beganMs).toBeGreaterThan(SILENT_MS / 2);
  expect([talks.closed, arrivals.count(), limited]).toEqual([false, 0, ['handshakes']]);
});

it('forgets those that end without a word', async () => {
  const gone = await dial();
  const cut = await dial();
  gone.end();
  cut.resetAndDestroy();
  await until(() => arrivals.count() === 0);
  expect([begun, limited]).toEqual([[], []]);
});

describe('connections whose first bytes come in the same round', () => {
  const arrive = (...texts: string[]): PassThrough[] =>
    texts.map((text) => {
      const socket = new PassThrough();
      arrivals.add(socket as unknown as Socket);
      socket.write(text);
      return socket;
    });
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('begin in their order, in slices', async () => {
    arrive('first', 'second', 'third');
    await until(() => begun.length === 3);
    expect(begun).toEqual(['first', 'second', 'third']);
    arrive('slow', 'slow', 'slow');
    let turns = 0;
    for (; begun.length < 6; turns += 1) await turn();
    expect(turns).toBeGreaterThan(2);
  });

  it('leave the oldest out if too many have not begun', async () => {
    const sockets = arrive('first', 'second', 'third');
    await new Promise(process.nextTick);
    arrive('fourth');
    await until(() => begun.length === 3);
    expect([begun, limited, sockets.map(({ destroyed }) => destroyed)]).toEqual([
      ['second', 'third', 'fourth'],
      ['handshakes'],
      [true, false, false],
    ]);
  });

  it('are forgotten, in whatever number they end before they begin', async () => {
    for (let round = 0; round < 100; round += 1) {
      for (const socket of arrive('a', 'b', 'c')) socket.destroy();
      await new Promise(process.nextTick);
    }
    arrive('last');
    await until(() => begun.length > 0);
    expect([begun, arrivals.count()]).toEqual([['last'], 0]);
  });
});
