import { gzipSync } from 'node:zlib';
import { FrameConnection, frame, type Headers } from './frame-connection.ts';
import { mutateMessage } from './mutate-message.ts';
import type { Random } from './random.ts';
import type { Method } from './requests.ts';

/** What was sent, and how it ended. */
export interface Sent {
  messages: number;
  calls: number;
  answered: number;
  /** Cancelled by the gateway, or ended with their connection. */
  reset: number;
  connections: number;
}

/** As many as a new connection may have: the gateway refuses more without a look at them. */
const CALLS_AT_ONCE = 4;
const CALLS_PER_CONNECTION = 2000;
const STUCK_AFTER_MS = 2000;
/** The gateway opens its window again when half of it is used up. */
const LONGEST_REQUEST = 32_000;
const RARE = 0.02;
const ODD_HEADERS = 0.05;
const ODD_FRAMES = 0.02;
const ODD_STREAMS = 0.001;

const zeros = gzipSync(Buffer.alloc(8 * 1024 * 1024));

/** A message with the header of gRPC, which may be wrong. */
const framed = (message: Buffer, random: Random): Buffer => {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  if (random.chance(ODD_FRAMES)) {
    header[0] = random.pick([1, 2, 255]);
    if (random.chance(0.5))
      header.writeUInt32BE(random.pick([0, 1, message.length + 5, 65_537, 2 ** 32 - 1]), 1);
  }
  return Buffer.concat([header, message]);
};

const headersOf = (path: string): [string, string | Buffer][] => [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', path],
  [':authority', 'localhost'],
  ['te', 'trailers'],
  ['content-type', 'application/grpc'],
  ['grpc-timeout', '2S'],
];

const ODD_NAMES = [
  '__proto__',
  'constructor',
  'grpc-status',
  'grpc-status-details-bin',
  'x-request-id',
  'traceparent',
  'cookie',
  'content-length',
  'connection',
  'transfer-encoding',
  'host',
  'X-Upper',
  '',
  ':status',
  ':path',
  'with space',
  'x-bin',
];
const ODD_VALUES: readonly (string | Buffer)[] = [
  '',
  '__proto__',
  '-1',
  '99999999999',
  'x'.repeat(9000),
  'a, b',
  ' spaces ',
  'a\r\nb: c',
  '\0',
  Buffer.from([0xff, 0xfe]),
  '%zz%',
  '====',
];

/** Headers that no client of gRPC sends. */
const oddHeaders = (path: string, random: Random): Headers => {
  const headers = headersOf(path);
  const at = random.below(headers.length);
  const value = random.pick(ODD_VALUES);
  switch (random.below(8)) {
    case 0:
      return headers.toSpliced(at, 1);
    case 1:
      return [...headers, headers[at]!];
    case 2:
      return headers.with(at, [headers[at]![0], value]);
    case 3:
      return headers.with(6, [
        'grpc-timeout',
        random.pick(['0n', '-1S', '1', 'S', '99999999H', '1.5S', '1e3m']),
      ]);
    case 4:
      return [
        ...headers,
        ['grpc-encoding', random.pick(['gzip', 'deflate', 'identity', 'br', '__proto__', ''])],
      ];
    case 5:
      return headers.with(2, [
        ':path',
        random.pick(['', '/', '*', '//', '/a', `${path}/x`, `${path}?x`, '/__proto__/x']),
      ]);
    case 6:
      return headers.with(5, [
        'content-type',
        random.pick(['text/html', 'application/grpc+json', 'application/json']),
      ]);
    default:
      return [...headers, [random.pick(ODD_NAMES), value]];
  }
};

/** Frames at a place where HTTP/2 allows none, or of a wrong length. The connection may end. */
const oddFrame = (random: Random): Buffer =>
  random.chance(0.2)
    ? random.bytes(random.below(60))
    : frame(
        random.below(12),
        random.below(256),
        random.pick([0, 1, 2, 5, 2 ** 31 - 1]),
        random.bytes(random.below(40)),
      );

const isGzip = (headers: Headers): boolean =>
  headers.some(([name, value]) => name === 'grpc-encoding' && value === 'gzip');

/** Begins one call; returns the number of messages that it sent. */
const beginCall = (connection: FrameConnection, methods: readonly Method[], random: Random): number => {
  let method = random.pick(methods);
  while (method.isRare && !random.chance(RARE)) method = random.pick(methods);
  const headers = random.chance(ODD_HEADERS) ? oddHeaders(method.path, random) : headersOf(method.path);
  const count = method.takesStream ? 1 + random.below(5) : random.chance(0.005) ? random.below(3) : 1;
  const messages = Array.from({ length: count }, () => {
    if (isGzip(headers) && random.chance(0.3)) return Buffer.concat([Buffer.from([1, 0, 0, 0, 0]), zeros]);
    const valid = method.request(random);
    return framed(random.chance(0.95) ? mutateMessage(valid, random) : valid, random);
  });
  const bytes = Buffer.concat(messages).subarray(0, LONGEST_REQUEST);
  const parts: Buffer[] = [];
  const partBytes = random.chance(0.02) ? 1 + random.below(200) : 16_000;
  for (let at = 0; at < bytes.length; at += partBytes) parts.push(bytes.subarray(at, at + partBytes));
  connection.call(headers, parts, {
    leaveOpen: random.chance(0.002),
    padding: random.chance(0.01) ? random.below(200) : 0,
  });
  return count;
};

/** Sends calls on one connection, then closes it. */
const useConnection = async (
  address: string,
  methods: readonly Method[],
  random: Random,
  sent: Sent,
  messages: number,
): Promise<void> => {
  const connection = new FrameConnection(address);
  sent.connections += 1;
  const until = Math.min(sent.messages + CALLS_PER_CONNECTION, messages);
  while (sent.messages < until && !connection.isClosed) {
    if (connection.inFlight >= CALLS_AT_ONCE || !connection.hasRoom(LONGEST_REQUEST)) {
      const before = connection.answered + connection.reset;
      await connection.untilNews(STUCK_AFTER_MS);
      // A window that the gateway does not open again, or calls without an end.
      if (connection.inFlight > 0 && connection.answered + connection.reset === before) {
        if (!connection.hasRoom(LONGEST_REQUEST)) break;
        if (connection.inFlight >= CALLS_AT_ONCE) connection.resetOldest();
      }
      continue;
    }
    sent.calls += 1;
    sent.messages += beginCall(connection, methods, random);
    if (random.chance(ODD_STREAMS)) connection.write(oddFrame(random));
  }
  const endMs = performance.now() + STUCK_AFTER_MS;
  while (connection.inFlight > 0 && !connection.isClosed && performance.now() < endMs)
    await connection.untilNews(200);
  connection.close();
  sent.answered += connection.answered;
  sent.reset += connection.reset;
};

/** Sends so many mutated messages on a few connections at a time. */
export const sendCalls = async (
  address: string,
  methods: readonly Method[],
  random: Random,
  { messages, connections, isAlive }: { messages: number; connections: number; isAlive: () => boolean },
): Promise<Sent> => {
  const sent: Sent = { messages: 0, calls: 0, answered: 0, reset: 0, connections: 0 };
  const work = async () => {
    while (sent.messages < messages && isAlive())
      await useConnection(address, methods, random, sent, messages);
  };
  await Promise.all(Array.from({ length: connections }, work));
  return sent;
};
