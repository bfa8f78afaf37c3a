import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  beginCall,
  connectAll,
  connectBytes,
  connectHttp2,
  framed,
  statusOf,
  textField,
} from './raw-connection.ts';

const ROTATION = '/rekey.v1.RotationService';
const BULK = '/rekey.v1.BulkRotationService';
/** A WaitRotationRequest: `id`, and `timeout` of 600 s. */
const waitFor = (id: string): Buffer =>
  framed(Buffer.concat([textField(1, id), Buffer.from([0x12, 3, 0x08, 0xd8, 0x04])]));

export interface FloodTarget {
  address: string;
  /** A rotation that does not end, one of a bulk rotation that does not end, and that bulk rotation. */
  rotationId: string;
  bulkRotationOfRotationId: string;
  bulkRotationId: string;
  /** 1 for the whole flood; less for a short one. */
  scale: number;
}

export interface Flood {
  name: string;
  /** Resolves when the flood has ended, with everything that it opened closed. */
  run(target: FloodTarget): Promise<void>;
}

/** At least long enough for the gateway to begin all calls of a short flood. */
const holdMs = (scale: number): number => Math.max(3000 * scale, 1000);
const CALLS_PER_CONNECTION = 1000;

/** Holds calls open on many connections, `count` in all, then drops the connections. */
const holdCalls = async (
  { address, scale }: FloodTarget,
  count: number,
  begin: (session: ClientHttp2Session) => void,
): Promise<void> => {
  const connections = Math.max(Math.round((count * scale) / CALLS_PER_CONNECTION), 1);
  const sessions = await connectAll(address, connections);
  for (const session of sessions) {
    for (let i = 0; i < CALLS_PER_CONNECTION; i += 1) begin(session);
    // The next connection floods in a turn of its own.
    await sleep(1);
  }
  await sleep(holdMs(scale));
  for (const session of sessions) session.destroy();
};

/** Writes the same frame as often as the connection takes it, and connects again when it is closed. */
const writeFrames = async ({ address, scale }: FloodTarget, frame: Buffer): Promise<void> => {
  const block = Buffer.concat(Array.from({ length: 4096 }, () => frame));
  const endMs = performance.now() + 5000 * scale;
  let socket: Socket | undefined;
  while (performance.now() < endMs) {
    if (!socket || socket.destroyed) socket = await connectBytes(address);
    if (socket.write(block)) await sleep(0);
    else await Promise.race([new Promise((resolve) => socket!.once('drain', resolve)), sleep(100)]);
  }
  socket?.destroy();
};

/** Begins calls and resets each at once. */
const resetCalls = async ({ address, scale }: FloodTarget): Promise<void> => {
  let session = await connectHttp2(address);
  for (let i = 0; i < 100_000 * scale; i += 1) {
    if (session.closed || session.destroyed) session = await connectHttp2(address);
    beginCall(session, `${ROTATION}/GetRotation`, framed(textField(1, 'rot_x')), { end: true })?.close(8);
    if (i % 100 === 0) await sleep(0);
  }
  session.destroy();
};

/** Connections on which nothing happens: half of them have not even sent the preface of HTTP/2. */
const idleConnections = async ({ address, scale }: FloodTarget): Promise<void> => {
  const sockets: Socket[] = [];
  for (let i = 0; i < 6000 * scale; i += 1) {
    sockets.push(await connectBytes(address, { preface: i % 2 === 0 }));
  }
  await sleep(holdMs(scale));
  for (const socket of sockets) socket.destroy();
};

/** Callers that never read what they are sent. */
const unreadResponses = async (target: FloodTarget): Promise<void> => {
  const list = framed(Buffer.from([0x20, 0xf4, 0x03]));
  await holdCalls(target, 5000, (session) => {
    if (!session.destroyed) session.settings({ initialWindowSize: 0 });
    beginCall(session, `${ROTATION}/ListRotations`, list, { end: true });
  });
};

/** Whole calls, as fast as the gateway answers them. */
const wholeCalls = async ({ address, rotationId, scale }: FloodTarget): Promise<void> => {
  const sessions = await connectAll(address, 10);
  const request = framed(textField(1, rotationId));
  await Promise.all(
    sessions.map(async (session) => {
      for (let round = 0; round < 20 * scale; round += 1) {
        const calls = Array.from({ length: 100 }, () =>
          beginCall(session, `${ROTATION}/GetRotation`, request, { end: true }),
        );
        await Promise.all(calls.flatMap((call) => (call ? [statusOf(call)] : [])));
      }
    }),
  );
  for (const session of sessions) session.destroy();
};

export const floods: readonly Flood[] = [
  {
    name: 'half-open streams of ids',
    run: (target) => holdCalls(target, 20_000, (session) => beginCall(session, `${BULK}/CreateBulkRotation`)),
  },
  {
    name: 'half-open calls without a message',
    run: (target) =>
      holdCalls(target, 20_000, (session) => beginCall(session, `${ROTATION}/RotateSecretKey`)),
  },
  {
    name: 'half-open calls with a part of a long message',
    run: (target) => {
      const part = Buffer.concat([Buffer.from([0, 0, 0, 0xff, 0]), Buffer.alloc(30_000)]);
      return holdCalls(target, 10_000, (session) => beginCall(session, `${ROTATION}/WaitRotation`, part));
    },
  },
  {
    name: 'waits for one rotation',
    run: (target) =>
      holdCalls(target, 60_000, (session) =>
        beginCall(session, `${ROTATION}/WaitRotation`, waitFor(target.rotationId), { end: true }),
      ),
  },
  {
    name: 'waits for a rotation of a bulk rotation',
    run: (target) =>
      holdCalls(target, 10_000, (session) =>
        beginCall(session, `${ROTATION}/WaitRotation`, waitFor(target.bulkRotationOfRotationId), {
          end: true,
        }),
      ),
  },
  {
    name: 'watches of a bulk rotation',
    run: (target) =>
      holdCalls(target, 12_000, (session) =>
        beginCall(session, `${BULK}/WatchBulkRotation`, framed(textField(1, target.bulkRotationId)), {
          end: true,
        }),
      ),
  },
  {
    name: 'watches of health',
    run: (target) =>
      holdCalls(target, 12_000, (session) =>
        beginCall(session, '/grpc.health.v1.Health/Watch', framed(), { end: true }),
      ),
  },
  {
    name: 'long metadata',
    run: (target) =>
      holdCalls(target, 5000, (session) =>
        beginCall(session, `${ROTATION}/WaitRotation`, undefined, {
          headers: { filler: 'x'.repeat(30_000) },
        }),
      ),
  },
  {
    name: 'streams of descriptors',
    run: (target) =>
      holdCalls(target, 5000, (session) =>
        beginCall(session, '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'),
      ),
  },
  {
    name: 'methods that do not exist',
    run: (target) => holdCalls(target, 20_000, (session) => beginCall(session, `${ROTATION}/NoSuchMethod`)),
  },
  { name: 'unread responses', run: unreadResponses },
  { name: 'whole calls', run: wholeCalls },
  { name: 'resets', run: resetCalls },
  {
    name: 'pings',
    run: (target) => writeFrames(target, Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])),
  },
  { name: 'settings', run: (target) => writeFrames(target, Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])) },
  { name: 'idle connections', run: idleConnections },
];
