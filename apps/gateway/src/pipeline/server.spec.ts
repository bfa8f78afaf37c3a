import { connect } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { status, type ServiceError } from '@grpc/grpc-js';
import { loadContract, readStatusDetails, unary, type ServiceHandlers } from '@rekey/rpc';
import { limitsWith } from '../limits/limits-fixture.ts';
import { connectRaw, type RawCalls } from './raw-calls-fixture.ts';
import { createServer, type GatewayServer } from './server.ts';

let server: GatewayServer;
let client: RawCalls;
let port: number;
const handler = unary(
  async () => ({}),
  () => {},
);
beforeAll(async () => {
  const RotationService = Object.fromEntries(
    ['RotateSecretKey', 'GetRotation', 'ListRotations', 'WaitRotation', 'CancelRotation'].map((name) => [
      name,
      handler,
    ]),
  );
  server = createServer(loadContract(), { RotationService } as unknown as ServiceHandlers, {
    limits: limitsWith(),
  });
  port = await server.listen('127.0.0.1:0');
  client = connectRaw(`127.0.0.1:${port}`);
});
afterAll(async () => {
  client.close();
  await server.close(1000);
});

const failure = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => undefined,
    (e: ServiceError) => e,
  );
  return { code: error?.code, details: error?.details, ...readStatusDetails(error!) };
};

/** Sends bytes as a message to RotateSecretKey, and returns the trailers of the response. */
const send = async (
  bytes: Buffer,
  headers: Record<string, string> = {},
): Promise<Record<string, unknown>> => {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    return await new Promise((resolve, reject) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/rekey.v1.RotationService/RotateSecretKey',
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      });
      stream.on('response', (answer) => answer['grpc-status'] !== undefined && resolve(answer));
      stream.on('trailers', resolve);
      stream.on('error', reject);
      const frame = Buffer.alloc(5);
      frame.writeUInt8(headers['grpc-encoding'] === undefined ? 0 : 1);
      frame.writeUInt32BE(bytes.length, 1);
      stream.end(Buffer.concat([frame, bytes]));
    });
  } finally {
    session.close();
  }
};
const reasonOf = (trailers: Record<string, unknown>) =>
  Buffer.from(String(trailers['grpc-status-details-bin'] ?? ''), 'base64').toString('latin1');

describe('a message that the gateway refuses', () => {
  it('because it is too large has a reason and the limit, like any other error', async () => {
    expect(
      await failure(client.rotateSecretKey({ orgId: 'x'.repeat(100_000), assistantId: 'ast_1' })),
    ).toEqual({
      code: status.RESOURCE_EXHAUSTED,
      details:
        'A message of the request exceeds the size limit of the gateway: at most 65536 bytes. ' +
        'Send smaller messages. A stream of ids can have any number of them.',
      reason: 'REQUEST_TOO_LARGE',
      fieldViolations: [],
      metadata: {
        call: 'RotateSecretKey',
        retryable: 'false',
        advice: expect.any(String),
        limit_bytes: '65536',
      },
    });
  });

  it('because it is too large when decompressed has a reason too', async () => {
    const { gzipSync } = await import('node:zlib');
    const trailers = await send(gzipSync(Buffer.alloc(1_000_000)), { 'grpc-encoding': 'gzip' });
    expect(trailers).toMatchObject({ 'grpc-status': String(status.RESOURCE_EXHAUSTED) });
    expect(reasonOf(trailers)).toContain('REQUEST_TOO_LARGE');
  });

  it('because it is not a message of that type has a reason too', async () => {
    const trailers = await send(Buffer.from([0x0a, 0xff, 0xff, 0xff]));
    expect(trailers).toMatchObject({ 'grpc-status': String(status.INVALID_ARGUMENT) });
    expect(reasonOf(trailers)).toContain('REQUEST_UNREADABLE');
  });
});

describe('a message that the gateway accepts', () => {
  it('is answered', async () => {
    expect(await client.rotateSecretKey({ orgId: 'org_1', assistantId: 'ast_1' })).toMatchObject({
      state: 'STATE_UNSPECIFIED',
    });
  });
});
