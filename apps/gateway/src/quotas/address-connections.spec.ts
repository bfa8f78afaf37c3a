import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadContract, unary, type ServiceHandlers } from '@rekey/rpc';
import { RekeyError } from '@rekey/schema';
import { LOCAL } from '../identity/authenticate.ts';
import type { JwtVerifier } from '../identity/verify-jwts.ts';
import { limitsWith } from '../limits/limits-fixture.ts';
import {
  CHECK_HEALTH,
  EMPTY,
  WAIT,
  WATCH_HEALTH,
  connectRawHttp2,
  type RawConnection,
} from '../limits/raw-http2-fixture.ts';
import { createServer, type GatewayServer } from '../pipeline/server.ts';
import { createCallerQuotas, type CallerQuotas } from './caller-quotas.ts';
import { limitFailures } from './limit-failures.ts';

/*
 * A real server with 12 connections, of which an address may take a quarter. Its methods need an identity;
 * health checks do not.
 */
const contract = loadContract();
const SHARE = 3;
let server: GatewayServer;
let quotas: CallerQuotas;
let port: number;
let refused: string[];
let connections: RawConnection[];

beforeEach(async () => {
  [refused, connections] = [[], []];
  const limits = limitsWith({ GATEWAY_MAX_CONNECTIONS: '12' });
  const onLimit = (limit: string) => void refused.push(limit);
  quotas = createCallerQuotas(limits.callers, onLimit);
  const authenticate = limitFailures(async ({ authorization }) => {
    if (authorization !== 'good') throw new RekeyError('NOT_AUTHENTICATED');
    return LOCAL;
  }, quotas);
  const known = unary(
    async (_request: object, context) => {
      await authenticate(context, {} as JwtVerifier);
      return {};
    },
    () => {},
  );
  const RotationService: UntypedServiceImplementation = Object.fromEntries(
    Object.keys(contract.v1.RotationService.service).map((name) => [name, known]),
  );
  server = createServer(contract, { RotationService } as unknown as ServiceHandlers, {
    limits,
    onLimit,
    addresses: quotas.connections,
  });
  server.health.setStatus('', 'SERVING');
  port = await server.listen('127.0.0.1:0');
});
afterEach(async () => {
  for (const connection of connections) connection.close();
  await server.close(1000);
});

const connectFrom = async (address: string): Promise<RawConnection> => {
  const connection = await connectRawHttp2(port, address);
  connections.push(connection);
  return connection;
};
/** A connection with a call that anybody may hold open. */
const watchFrom = async (address: string): Promise<RawConnection> => {
  const connection = await connectFrom(address);
  const watch = connection.open(WATCH_HEALTH, EMPTY, {}, { end: true });
  await Promise.race([new Promise((resolve) => watch.stream.once('data', resolve)), watch.ended]);
  return connection;
};
const callAs = (connection: RawConnection, authorization: string) =>
  connection.open(WAIT, EMPTY, { authorization }, { end: true }).ended;
const closed = async (many: RawConnection[]): Promise<boolean[]> => {
  for (let waited = 0; waited < 2000 && !many.some((one) => one.closed()); waited += 5) await sleep(5);
  return many.map((one) => one.closed());
};

describe('the connections of one address whose callers are not known', () => {
  it('are no more than its share, and others find room', async () => {
    const flood: RawConnection[] = [];
    for (let i = 0; i < 10; i += 1) flood.push(await watchFrom('127.0.0.2'));
    expect((await closed(flood)).filter((isClosed) => !isClosed)).toHaveLength(SHARE);
    expect(refused).toEqual(Array.from({ length: 10 - SHARE }, () => 'address-connections'));
    expect(quotas.atLimit()).toMatchObject([
      { caller: '127.0.0.2', limit: 'address-connections', refused: 10 - SHARE },
    ]);
    const other = await connectFrom('127.0.0.3');
    expect(await other.send(CHECK_HEALTH).ended).toMatchObject({ status: status.OK });
    expect(await callAs(other, 'good')).toMatchObject({ status: status.OK });
  });

  it('make room for a new one if one has no call', async () => {
    const [busy, idle] = [await watchFrom('127.0.0.2'), await connectFrom('127.0.0.2')];
    const later = [await connectFrom('127.0.0.2'), await connectFrom('127.0.0.2')];
    expect(await closed([busy, idle, ...later])).toEqual([false, true, false, false]);
  });

  it('count no more once they have ended', async () => {
    for (let i = 0; i < SHARE; i += 1) await watchFrom('127.0.0.2');
    connections[0]!.close();
    for (let waited = 0; waited < 2000 && server.connections() >= SHARE; waited += 5) await sleep(5);
    await watchFrom('127.0.0.2');
    expect(connections.slice(1).map((one) => one.closed())).toEqual([false, false, false]);
    expect(refused).toEqual([]);
  });

  it('count no more once a call has named its caller, as behind a proxy', async () => {
    const proxied: RawConnection[] = [];
    for (let i = 0; i < 3 * SHARE; i += 1) {
      const connection = await watchFrom('127.0.0.2');
      expect(await callAs(connection, 'good')).toMatchObject({ status: status.OK });
      proxied.push(connection);
    }
    expect(refused).toEqual([]);
    expect(proxied.some((one) => one.closed())).toBe(false);
  });

  it('count on if a call has named nobody', async () => {
    for (let i = 0; i < SHARE; i += 1)
      expect(await callAs(await watchFrom('127.0.0.2'), 'bad')).toMatchObject({
        status: status.UNAUTHENTICATED,
      });
    const one = await connectFrom('127.0.0.2');
    expect(await closed([one])).toEqual([true]);
    expect(refused).toEqual(['address-connections']);
  });
});
