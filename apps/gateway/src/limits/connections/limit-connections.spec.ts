import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadContract, unary, type ServiceHandlers } from '@rekey/rpc';
import { createServer, type GatewayServer } from '../../pipeline/server.ts';
import { limitsWith } from '../limits-fixture.ts';
import { CHECK_HEALTH, WAIT, connectRawHttp2, type RawConnection } from '../raw-http2-fixture.ts';

const contract = loadContract();
let calls = 0;
const never = unary(
  () => {
    calls += 1;
    return new Promise<object>(() => {});
  },
  () => {},
);
const RotationService: UntypedServiceImplementation = Object.fromEntries(
  Object.keys(contract.v1.RotationService.service).map((name) => [name, never]),
);
let server: GatewayServer;
let port: number;
let refused: string[];
let connections: RawConnection[];

beforeEach(async () => {
  refused = [];
  connections = [];
  server = createServer(contract, { RotationService } as unknown as ServiceHandlers, {
    limits: limitsWith({ GATEWAY_MAX_CONNECTIONS: '3', GATEWAY_MAX_CONNECTION_CALLS: '5' }),
    onLimit: (limit) => void refused.push(limit),
  });
  server.health.setStatus('', 'SERVING');
  port = await server.listen('127.0.0.1:0');
});
afterEach(async () => {
  for (const connection of connections) connection.close();
  await server.close(1000);
});

const connect = async (): Promise<RawConnection> => {
  const connection = await connectRawHttp2(port);
  connections.push(connection);
  return connection;
};
const closed = async (): Promise<boolean[]> => {
  await sleep(100);
  return connections.map((connection) => connection.closed());
};

const untilConnections = async (count: number): Promise<void> => {
  const deadline = performance.now() + 10_000;
  while (server.connections() !== count && performance.now() < deadline) await sleep(5);
  expect(server.connections()).toBe(count);
};

describe('connections beyond the limit', () => {
  it('close the one that has been without a call for the longest time', async () => {
    await connect();
    await connect();
    await connect();
    await connections[0]!.send(CHECK_HEALTH).ended;
    connections[2]!.send(WAIT);
    await sleep(50);
    await connect();
    expect(await closed()).toEqual([false, true, false, false]);
    expect([server.connections(), refused]).toEqual([3, ['connections']]);
  });

  it('are closed themselves if every other one has a call', async () => {
    for (let i = 0; i < 3; i += 1) (await connect()).send(WAIT);
    await sleep(50);
    await connect();
    expect(await closed()).toEqual([false, false, false, true]);
  });

  it('have none of their calls begun, also if those come with their first bytes', async () => {
    for (let i = 0; i < 3; i += 1) (await connect()).send(WAIT);
    await sleep(50);
    const before = calls;
    const late = Array.from({ length: 20 }, () => connectHttp2(`http://127.0.0.1:${port}`));
    const ended = late.map((session) => {
      session.on('error', () => {});
      const stream = session.request({ ':method': 'POST', ':path': WAIT, te: 'trailers' });
      stream.on('error', () => {}).resume();
      return new Promise<void>((resolve) => session.once('close', resolve));
    });
    await Promise.all(ended);
    expect([calls - before, server.connections(), refused.length]).toEqual([0, 3, 20]);
  });

  it('count also if they send nothing, and no more when they are gone', async () => {
    const sockets = Array.from({ length: 3 }, () => connectTcp(port, '127.0.0.1').on('error', () => {}));
    await untilConnections(3);
    const connection = await connect();
    expect(await connection.send(CHECK_HEALTH).ended).toMatchObject({ status: status.OK });
    for (const socket of sockets) socket.destroy();
    connection.close();
    await untilConnections(0);
  });
});

describe('a connection', () => {
  it('has a limited number of calls, and further ones wait in the client', async () => {
    const { session, send } = await connect();
    expect(session.remoteSettings.maxConcurrentStreams).toBe(4);
    const checks = Array.from({ length: 500 }, () => send(CHECK_HEALTH));
    const statuses = await Promise.all(checks.map(async ({ ended }) => (await ended).status));
    expect(new Set(statuses)).toEqual(new Set([status.OK]));
  });

  it('is read to the end of what it sends with its first bytes', async () => {
    const socket = connectTcp(port, '127.0.0.1').on('error', () => {});
    let received = Buffer.alloc(0);
    socket.on('data', (data: Buffer) => (received = Buffer.concat([received, data])));
    const frame = (type: number, payload: Buffer) =>
      Buffer.concat([
        Buffer.from([0, payload.length >> 8, payload.length & 255, type, 0, 0, 0, 0, 0]),
        payload,
      ]);
    // More than Node reads at once. Frames of an unknown type are skipped (RFC 9113, section 4.1).
    const skipped = Array.from({ length: 20 }, () => frame(0xfa, Buffer.alloc(16_000)));
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const ping = Buffer.from('rekeyend');
    socket.write(Buffer.concat([preface, frame(4, Buffer.alloc(0)), ...skipped, frame(6, ping)]));
    for (let waited = 0; waited < 10_000 && !received.includes(ping); waited += 5) await sleep(5);
    expect(received.includes(ping)).toBe(true);
    socket.destroy();
  });

  it.each([
    ['PING', Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])],
    ['SETTINGS', Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])],
  ])('that floods with %s frames is closed', async (_name, frame) => {
    const socket = connectTcp(port, '127.0.0.1').on('error', () => {});
    const gone = new Promise((resolve) => socket.once('close', resolve));
    socket.resume();
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    // In few reads of the gateway, nghttp2 would close it first.
    const some = Buffer.concat(Array.from({ length: 200 }, () => frame));
    for (let i = 0; i < 10 && !socket.destroyed; i += 1) {
      socket.write(some);
      await sleep(20);
    }
    await gone;
    expect(refused).toEqual(['control-frames']);
  });
});
