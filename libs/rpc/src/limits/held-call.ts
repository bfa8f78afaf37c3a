import type { ServerHttp2Stream } from 'node:http2';
import type { ServerInterceptor } from '@grpc/grpc-js';
import { override } from '../memory/override.ts';

export type InnermostCall = Parameters<ServerInterceptor>[1];
export type Method = Pick<Parameters<ServerInterceptor>[0], 'path' | 'requestStream' | 'responseStream'>;

/** The bounds of calls of one kind. */
export interface KindLimits {
  /** How many may be open. */
  open: number;
  /** How long the message of a request may take to arrive. */
  arriveWithinMs: number;
  /** Whether no call of this kind waits for something that may take long. */
  endsSoon?: boolean;
  /**
   * The kind as which a call is admitted that finds no room. Its handler learns of that (`beyondLimit`), and
   * answers at once.
   */
  beyond?: string;
  /** How long a half-open or an unread call keeps its room, in ms. Default: not at all, if others need it. */
  keepsRoomMs?: { arriving: number; leaving: number };
  /** When a call that was refused should come back, in ms from now. Default: 1 s. */
  retryAfterMs?: () => number;
}

/** The open calls of one kind. */
export interface OpenKind extends KindLimits {
  readonly name: string;
  count: number;
  /** Calls whose request has not arrived, oldest first. */
  readonly arriving: Set<HeldCall>;
  /** Calls whose caller has not taken the response, oldest first. */
  readonly leaving: Set<HeldCall>;
  /** Streams of responses whose caller has not taken what it was sent. */
  readonly sending: Set<HeldCall>;
}

/** What grpc-js's innermost call keeps to itself. */
interface Inside {
  stream: ServerHttp2Stream;
  decoder: { write(data: Buffer): Buffer[] };
  handleDataFrame(data: Buffer): void;
}

/** Of a request that is whole. */
const nothingMore: Inside['decoder'] = { write: () => [] };

/** What Node and grpc-js keep for each part of a message that is not whole yet. */
const PART_OVERHEAD_BYTES = 128;
/** A part of a network read that is no longer than this is not worth a copy. */
const SMALL_READ_BYTES = 4096;

/** A part of a network read keeps the whole read in memory: a small part of a long one is copied. */
const ownBytes = (data: Buffer): Buffer => {
  const { byteLength } = data.buffer;
  if (byteLength <= SMALL_READ_BYTES || data.length * 2 > byteLength) return data;
  const copy = Buffer.allocUnsafeSlow(data.length);
  data.copy(copy);
  return copy;
};

const HELD = Symbol('held call');
type HeldStream = ServerHttp2Stream & { [HELD]?: HeldCall };

/** For all streams: a function for each, and `once`, would take 300 bytes. */
function onStreamClosed(this: HeldStream): void {
  const held = this[HELD]!;
  held.closed();
}

const ignore = (): void => {};

/** A call until its HTTP/2 stream is closed. */
export class HeldCall {
  readonly call: InnermostCall;
  readonly method: Method;
  readonly stream: ServerHttp2Stream;
  /** Set while it counts. */
  kind: OpenKind | undefined;
  /** When it began, when its last message arrived, or when it was answered. */
  sinceMs = performance.now();
  /** What is held of its request. */
  requestBytes = 0;
  /** What its caller has not taken of its response. */
  responseBytes = 0;
  /** The message of these, if others are sent it too. */
  message: object | undefined;
  /** Of a stream of responses: since when its caller has taken nothing of that. */
  unreadSinceMs = 0;
  private onClosed: ((held: HeldCall) => void) | undefined;

  constructor(call: InnermostCall, method: Method) {
    this.call = call;
    this.method = method;
    this.stream = (call as unknown as Inside).stream;
  }

  /** Calls back with the size of each part of the request that arrives. */
  onData(listener: (bytes: number) => void): void {
    const inside = this.call as unknown as Inside;
    const { handleDataFrame } = inside;
    override(inside, 'handleDataFrame', (data) => {
      listener(data.length + PART_OVERHEAD_BYTES);
      handleDataFrame.call(inside, ownBytes(data));
    });
  }

  closed(): void {
    this.onClosed?.(this);
    this.releaseListeners();
  }

  /** Calls back once the stream is closed. */
  watchClose(onClosed: (held: HeldCall) => void): void {
    this.onClosed = onClosed;
    (this.stream as HeldStream)[HELD] = this;
    this.stream.on('close', onStreamClosed);
  }

  /** The request is whole: frees what is kept to read it, which is most of what an open call holds. */
  endRequest(): void {
    const inside = this.call as unknown as Inside;
    inside.decoder = nothingMore;
    override(inside, 'handleDataFrame', ignore);
    this.releaseListeners();
  }

  /** Whether its status is on its way, after all data. */
  get statusSent(): boolean {
    const { sentTrailers, sentHeaders } = this.stream;
    return (sentTrailers ?? sentHeaders)?.['grpc-status'] !== undefined && this.stream.writableFinished;
  }

  /** Closes the stream. Its caller need not have sent its whole request, nor have read the whole response. */
  close(code: number): void {
    if (!this.stream.destroyed && !this.stream.closed) this.stream.close(code);
  }

  /**
   * The request is whole, or the stream is closed. Node's streams outlive their last use until the next full
   * collection (see `override`): without the listeners that read the request, the stream does not keep the
   * whole call.
   */
  private releaseListeners(): void {
    this.stream.removeAllListeners('data');
    this.stream.removeAllListeners('end');
  }
}
