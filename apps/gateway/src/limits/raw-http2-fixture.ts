import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import type { ServiceError } from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';
import { readStatusDetails } from '@rekey/rpc';

export const ROTATE = '/rekey.v1.RotationService/RotateSecretKey';
export const WAIT = '/rekey.v1.RotationService/WaitRotation';
export const CREATE_BULK = '/rekey.v1.BulkRotationService/CreateBulkRotation';
export const WATCH_BULK = '/rekey.v1.BulkRotationService/WatchBulkRotation';
export const CHECK_HEALTH = '/grpc.health.v1.Health/Check';
export const WATCH_HEALTH = '/grpc.health.v1.Health/Watch';
export const REFLECT = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';

/** The frame of an empty message. */
export const EMPTY = Buffer.alloc(5);

interface Ended {
  /** The gRPC code; undefined if the stream ended without one. */
  status: number | undefined;
  /** Of the error details. */
  reason: string | undefined;
  bound: string | undefined;
  retryAfterMs: number | undefined;
}

export interface RawCall {
  stream: ClientHttp2Stream;
  /** Resolves when the stream is closed. */
  ended: Promise<Ended>;
  isOpen(): boolean;
}

/** One connection, and calls on it that may be held open in any state. */
export interface RawConnection {
  session: ClientHttp2Session;
  /** Begins a call. Its request stays open, unless it is to end. */
  open(path: string, part?: Buffer, headers?: Record<string, string>, options?: { end: boolean }): RawCall;
  /** A call with a whole request. */
  send(path: string, message?: Buffer): RawCall;
  closed(): boolean;
  close(): void;
}

const endedOf = (stream: ClientHttp2Stream): Promise<Ended> =>
  new Promise((resolve) => {
    let last: Record<string, unknown> = {};
    stream.on('response', (headers) => (last = { ...headers }));
    stream.on('trailers', (headers) => (last = { ...headers }));
    stream.on('error', () => {});
    stream.on('close', () => {
      const { 'grpc-status': status, 'grpc-status-details-bin': details } = last;
      const metadata = new Metadata();
      if (details !== undefined)
        metadata.set('grpc-status-details-bin', Buffer.from(String(details), 'base64'));
      const { reason, metadata: info, retryAfterMs } = readStatusDetails({ metadata } as ServiceError);
      resolve({
        status: status === undefined ? undefined : Number(status),
        reason,
        bound: info['bound'],
        retryAfterMs,
      });
    });
    stream.resume();
  });

/** `localAddress`: another address of loopback, for a caller from elsewhere. */
export const connectRawHttp2 = async (port: number, localAddress = '127.0.0.1'): Promise<RawConnection> => {
  const session = connect(`http://127.0.0.1:${port}`, {
    createConnection: () => connectTcp({ host: '127.0.0.1', port, localAddress }),
  });
  session.on('error', () => {});
  await new Promise<void>((resolve) => {
    session.once('remoteSettings', () => resolve());
    session.once('close', () => resolve());
  });
  const begin = (path: string, headers: Record<string, string> = {}): RawCall => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    return { stream, ended: endedOf(stream), isOpen: () => !stream.closed };
  };
  return {
    session,
    open: (path, part, headers, { end } = { end: false }) => {
      const call = begin(path, headers);
      if (part) call.stream.write(part);
      if (end) call.stream.end();
      return call;
    },
    send: (path, message = EMPTY) => {
      const call = begin(path);
      call.stream.end(message);
      return call;
    },
    closed: () => session.closed || session.destroyed,
    close: () => session.destroy(),
  };
};
