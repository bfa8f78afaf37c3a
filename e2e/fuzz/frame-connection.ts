import { connect, type Socket } from 'node:net';

/*
 * HTTP/2 by hand: headers and frames may be wrong in ways that no client library would send, and a call costs
 * little, so that one core sends thousands of them a second.
 */

export type Headers = readonly (readonly [name: string, value: string | Buffer])[];

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const CANCEL = 8;
const FRAME_HEADER_BYTES = 9;
const LONGEST_FRAME = 16_384;
const DEFAULT_WINDOW = 65_535;
const OUR_WINDOW = 2 ** 30;

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

export const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
};

/** A length of HPACK (RFC 7541, section 5.1) in front of its text, without Huffman code. */
const literal = (text: string | Buffer): Buffer => {
  const bytes = Buffer.from(text as string);
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  for (let rest = bytes.length - 127; ; rest = Math.floor(rest / 128)) {
    length.push((rest % 128) | (rest >= 128 ? 128 : 0));
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from(length), bytes]);
};

const headerBlock = (headers: Headers): Buffer =>
  Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));

/** One connection. Counts its calls by how they ended. */
export class FrameConnection {
  answered = 0;
  reset = 0;
  isClosed = false;
  private readonly open = new Set<number>();
  private nextStream = 1;
  private window = DEFAULT_WINDOW;
  private received = 0;
  private unread: Buffer = Buffer.alloc(0);
  private wake: (() => void) | undefined;
  private readonly socket: Socket;

  constructor(address: string) {
    const [host, port] = address.split(':') as [string, string];
    this.socket = connect(Number(port), host);
    this.socket.setNoDelay();
    this.socket.on('error', () => {});
    this.socket.on('close', () => this.end());
    this.socket.on('data', (data: Buffer) => this.read(data));
    this.socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const initialWindow = Buffer.concat([Buffer.from([0, 4]), uint32(2 ** 24)]);
    this.write(frame(SETTINGS, 0, 0, initialWindow));
    this.write(frame(WINDOW_UPDATE, 0, 0, uint32(OUR_WINDOW)));
  }

  get inFlight(): number {
    return this.open.size;
  }

  /** Begins a call. Its request ends with the last part, unless it is left open. */
  call(headers: Headers, parts: readonly Buffer[], { leaveOpen = false, padding = 0 } = {}): void {
    const stream = this.nextStream;
    this.nextStream += 2;
    this.open.add(stream);
    const frames = [this.headersOf(stream, headers, parts.length === 0 && !leaveOpen)];
    parts.forEach((part, i) => {
      const last = i === parts.length - 1 && !leaveOpen ? END_STREAM : 0;
      const padded =
        padding > 0 ? Buffer.concat([Buffer.from([padding]), part, Buffer.alloc(padding)]) : part;
      this.window -= padded.length;
      frames.push(frame(DATA, last | (padding > 0 ? 8 : 0), stream, padded));
    });
    this.write(Buffer.concat(frames));
  }

  /** Cancels the call that has been open for longest. */
  resetOldest(): void {
    const [stream] = this.open;
    if (stream !== undefined) this.write(frame(RST_STREAM, 0, stream, uint32(CANCEL)));
    this.endCall(stream ?? 0, 'reset');
  }

  /** Any bytes. */
  write(bytes: Buffer): void {
    if (!this.isClosed) this.socket.write(bytes);
  }

  /** Whether so much may be sent now. */
  hasRoom(bytes: number): boolean {
    return this.window >= bytes && this.socket.writableLength < 1_000_000;
  }

  /** Resolves when anything has been received, or the connection is closed. */
  async untilNews(withinMs: number): Promise<void> {
    if (this.isClosed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = undefined;
  }

  close(): void {
    this.socket.destroy();
    this.end();
  }

  private headersOf(stream: number, headers: Headers, isLast: boolean): Buffer {
    const block = headerBlock(headers);
    const first = block.subarray(0, LONGEST_FRAME);
    const flags = isLast ? END_STREAM : 0;
    if (block.length <= LONGEST_FRAME) return frame(HEADERS, flags | END_HEADERS, stream, first);
    const frames = [frame(HEADERS, flags, stream, first)];
    for (let at = LONGEST_FRAME; at < block.length; at += LONGEST_FRAME)
      frames.push(
        frame(
          9,
          at + LONGEST_FRAME >= block.length ? END_HEADERS : 0,
          stream,
          block.subarray(at, at + LONGEST_FRAME),
        ),
      );
    return Buffer.concat(frames);
  }

  private end(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.reset += this.open.size;
    this.open.clear();
    this.socket.destroy();
    this.wake?.();
  }

  private endCall(stream: number, how: 'answered' | 'reset'): void {
    if (this.open.delete(stream)) this[how] += 1;
  }

  private read(data: Buffer): void {
    let bytes = this.unread.length === 0 ? data : Buffer.concat([this.unread, data]);
    while (bytes.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + bytes.readUIntBE(0, 3);
      if (bytes.length < end) break;
      this.receive(bytes[3]!, bytes[4]!, bytes.readUInt32BE(5) & 0x7fffffff, bytes.subarray(9, end));
      bytes = bytes.subarray(end);
    }
    this.unread = bytes;
    this.wake?.();
  }

  private receive(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === DATA) this.giveBack(payload.length);
    if ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0) this.endCall(stream, 'answered');
    if (type === RST_STREAM) this.endCall(stream, 'reset');
    if (type === WINDOW_UPDATE && stream === 0) this.window += payload.readUInt32BE(0);
    if (type === SETTINGS && (flags & ACK) === 0) this.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
    if (type === PING && (flags & ACK) === 0) this.write(frame(PING, ACK, 0, payload));
    if (type === GOAWAY) this.end();
  }

  private giveBack(bytes: number): void {
    this.received += bytes;
    if (this.received < OUR_WINDOW / 2) return;
    this.write(frame(WINDOW_UPDATE, 0, 0, uint32(this.received)));
    this.received = 0;
  }
}
