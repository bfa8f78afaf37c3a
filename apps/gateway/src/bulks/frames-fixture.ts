import { connect } from 'node:net';

/** A caller that chooses the order of its HTTP/2 frames, which the client of Node decides itself. */
interface FramesCaller {
  sendHeaders(path: string): void;
  /** Sends a message, and ends the stream. */
  sendLast(message: Buffer): void;
  reset(): void;
  /** Resolves once the server has sent a ping, which is not answered. */
  pinged(): Promise<void>;
  answerPing(): void;
  close(): void;
}

const HEAD_BYTES = 9;
const [DATA, HEADERS, RST_STREAM, SETTINGS, PING] = [0, 1, 3, 4, 6];
const [ACK, END_STREAM, END_HEADERS] = [1, 1, 4];
const CANCEL = Buffer.from([0, 0, 0, 8]);

const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from([0, payload.length >> 8, payload.length & 255, type, flags, 0, 0, 0, stream]),
    payload,
  ]);

/** A header that no table has: RFC 7541, section 6.2.2. */
const header = ([name, value]: [string, string]): Buffer =>
  Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);

export const connectFrames = (port: number): FramesCaller => {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  const pinged = Promise.withResolvers<Buffer>();
  let received = Buffer.alloc(0);
  socket.on('data', (data: Buffer) => {
    received = Buffer.concat([received, data]);
    while (received.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + received.readUIntBE(0, 3);
      if (received.length < end) return;
      if (received[3] === PING && received[4] === 0) pinged.resolve(received.subarray(HEAD_BYTES, end));
      received = received.subarray(end);
    }
  });
  const send = (...frames: Buffer[]): void => void socket.write(Buffer.concat(frames));
  send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(SETTINGS!, 0, 0, Buffer.alloc(0)));
  let ping: Buffer = Buffer.alloc(8);
  return {
    sendHeaders: (path) => {
      const headers = {
        ':method': 'POST',
        ':scheme': 'http',
        ':path': path,
        ':authority': 'localhost',
        'content-type': 'application/grpc',
        te: 'trailers',
      };
      send(frame(HEADERS!, END_HEADERS!, 1, Buffer.concat(Object.entries(headers).map(header))));
    },
    sendLast: (message) => {
      const head = Buffer.alloc(5);
      head.writeUInt32BE(message.length, 1);
      send(frame(DATA!, END_STREAM!, 1, Buffer.concat([head, message])));
    },
    reset: () => send(frame(RST_STREAM!, 0, 1, CANCEL)),
    pinged: async () => {
      ping = await pinged.promise;
    },
    answerPing: () => send(frame(PING!, ACK!, 0, ping)),
    close: () => socket.destroy(),
  };
};
