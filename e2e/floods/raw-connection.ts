import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';

const HEADERS = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };

/** A text field of a protobuf message. */
export const textField = (number: number, text: string): Buffer =>
  Buffer.concat([Buffer.from([(number << 3) | 2, text.length]), Buffer.from(text)]);

/** A message with the header of its gRPC frame. */
export const framed = (message: Buffer = Buffer.alloc(0)): Buffer => {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
};

/** An HTTP/2 connection whose errors, and those of its streams, do not count. */
export const connectHttp2 = (address: string): Promise<ClientHttp2Session> =>
  new Promise((resolve) => {
    const session = connect(`http://${address}`);
    session.on('error', () => {});
    session.once('remoteSettings', () => resolve(session));
    session.once('close', () => resolve(session));
  });

export const connectAll = (address: string, count: number): Promise<ClientHttp2Session[]> =>
  Promise.all(Array.from({ length: count }, () => connectHttp2(address)));

/** Begins a call and sends bytes of its request, which ends only with `end`. Undefined if refused at once. */
export const beginCall = (
  session: ClientHttp2Session,
  path: string,
  bytes?: Buffer,
  { end = false, headers = {} }: { end?: boolean; headers?: Record<string, string> } = {},
): ClientHttp2Stream | undefined => {
  if (session.closed || session.destroyed) return undefined;
  const stream = session.request({ ...HEADERS, ':path': path, ...headers });
  stream.on('error', () => {});
  stream.resume();
  if (end) stream.end(bytes);
  else if (bytes) stream.write(bytes);
  return stream;
};

/** The gRPC code of a call when it has ended; undefined if it ended without one. */
export const statusOf = (stream: ClientHttp2Stream): Promise<number | undefined> =>
  new Promise((resolve) => {
    let status: unknown;
    stream.on('response', (headers) => (status = headers['grpc-status']));
    stream.on('trailers', (headers) => (status = headers['grpc-status'] ?? status));
    stream.on('close', () => resolve(status === undefined ? undefined : Number(status)));
  });

const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

/** A TCP connection to which any bytes can be written. It reads, and ignores, what it receives. */
export const connectBytes = (address: string, { preface = true } = {}): Promise<Socket> =>
  new Promise((resolve) => {
    const [host, port] = address.split(':') as [string, string];
    const socket = connectTcp(Number(port), host);
    socket.on('error', () => {});
    socket.once('close', () => resolve(socket));
    socket.once('connect', () => {
      if (preface) socket.write(PREFACE);
      resolve(socket);
    });
    socket.resume();
  });
