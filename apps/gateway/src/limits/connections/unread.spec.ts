import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadContract, type ServiceHandlers } from '@rekey/rpc';
import { createAuthority, type CertificatePaths } from '@rekey/testing';
import { createServer, type GatewayServer } from '../../pipeline/server.ts';
import { followCertificates, type FollowedCertificates } from '../../tls/follow-certificates.ts';
import { limitsWith } from '../limits-fixture.ts';
import { CHECK_HEALTH } from '../raw-http2-fixture.ts';

/* Connections that are ended while the other end reads nothing: what they were sent last never leaves. */

/** As the headers of a response: its stream ends with it, also if it does not leave. */
const LONG = 'x'.repeat(40_000);
const contract = loadContract();
let answered = 0;
const refuse = (_call: unknown, callback: (error: object) => void): void => {
  answered += 1;
  callback({ code: 3, details: LONG });
};
const RotationService: UntypedServiceImplementation = Object.fromEntries(
  Object.keys(contract.v1.RotationService.service).map((name) => [name, refuse]),
);

const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};
const literal = (name: string, value: string): Buffer =>
  Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length, ...Buffer.from(value)]),
  ]);
const request = (path: string): Buffer =>
  Buffer.concat([
    literal(':method', 'POST'),
    literal(':scheme', 'http'),
    literal(':path', path),
    literal(':authority', 'localhost'),
    literal('content-type', 'application/grpc'),
    literal('te', 'trailers'),
  ]);
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(4, 0, 0, Buffer.alloc(0)),
]);
const PING = frame(6, 0, 0, Buffer.alloc(8));
const call = (path: string, stream = 1): Buffer =>
  Buffer.concat([frame(1, 4, stream, request(path)), frame(0, 1, stream, Buffer.alloc(5))]);

let certificate: CertificatePaths & { followed: FollowedCertificates };
beforeAll(async () => {
  const authority = await createAuthority();
  const served = await authority.issue('gateway', ['DNS:localhost', 'IP:127.0.0.1']);
  const followed = followCertificates(
    {
      GRPC_TLS_CERT_FILE: served.cert,
      GRPC_TLS_KEY_FILE: served.key,
      GRPC_CLIENT_CA_FILE: undefined,
      mounted: false,
    },
    { optional: true, onLoaded: () => {}, onRefused: () => {} },
  );
  certificate = { ...served, followed };
});
afterAll(() => certificate.followed.close());

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await sleep(1);
};

/** Whether what the gateway has written to this connection stays in the process. */
const isHeldUp = async ({ localPort }: Socket): Promise<boolean> => {
  type Accepted = Socket & { _handle: { writeQueueSize: number } };
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles(): unknown[] };
  const isAccepted = (one: unknown): one is Accepted => (one as Partial<Socket>).remotePort === localPort;
  const accepted = handles().find(isAccepted);
  // oxlint-disable-next-line no-underscore-dangle -- the name is Node's
  const isWriting = () => (accepted?._handle.writeQueueSize ?? 0) > 0;
  for (let waited = 0; waited < 100; waited += 1) {
    await sleep(1);
    if (waited > 2 && !isWriting()) return false;
  }
  return true;
};

let server: GatewayServer;
let sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await server.close(1000);
});

describe.each(['plain text', 'TLS'])('over %s, a connection that reads nothing', (transport) => {
  let port: number;
  const start = async () => {
    server = createServer(contract, { RotationService } as unknown as ServiceHandlers, {
      limits: limitsWith({ GATEWAY_MAX_CONNECTIONS: '3' }),
      ...(transport === 'TLS' && {
        tls: { credentials: certificate.followed.credentials, maxConnectionAgeMs: 3_600_000 },
      }),
    });
    server.health.setStatus('', 'SERVING');
    port = await server.listen('127.0.0.1:0');
  };
  const dial = async (...bytes: Buffer[]): Promise<Socket> => {
    const socket =
      transport === 'TLS'
        ? connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false })
        : connectTcp(port, '127.0.0.1');
    socket.on('error', () => {});
    sockets.push(socket);
    await once(socket, transport === 'TLS' ? 'secureConnect' : 'connect');
    socket.write(Buffer.concat([PREFACE, ...bytes]));
    return socket;
  };
  /** One that holds up what it is sent, has no open call, and is ended in favour of others. */
  const endStalled = async (): Promise<Socket> => {
    const stalled = await dial();
    // One at a time: the gateway would still read another call while the answer before does not leave.
    for (let stream = 1; !(await isHeldUp(stalled)); stream += 2) {
      const before = answered;
      stalled.write(call('/rekey.v1.RotationService/GetRotation', stream));
      await until(() => answered > before);
    }
    for (let i = 0; i < 3; i += 1) (await dial(call(CHECK_HEALTH))).resume();
    await sleep(200);
    return stalled;
  };

  it('is closed if a limit ends it', async () => {
    await start();
    const stalled = await endStalled();
    const deadline = performance.now() + 5000;
    // Only what it sends tells it so.
    while (!stalled.destroyed && performance.now() < deadline) {
      stalled.write(PING);
      await sleep(50);
    }
    expect(stalled.destroyed).toBe(true);
    expect(sockets.slice(1).map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
  });

  it('does not keep a gateway that ends from telling the others', async () => {
    await start();
    await endStalled();
    const beganMs = performance.now();
    const closing = server.close(5000);
    await Promise.all(sockets.slice(1).map((socket) => once(socket, 'close')));
    await closing;
    expect(performance.now() - beganMs).toBeLessThan(3000);
  });
});
