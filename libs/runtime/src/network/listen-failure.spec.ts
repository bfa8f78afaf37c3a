import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { silentLogger } from '../logging/spec-loggers.ts';
import { startHealthServer } from './health-server.ts';
import { listenFailure } from './listen-failure.ts';

let holder: Server;
let port: number;
beforeAll(async () => {
  holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  port = (holder.address() as AddressInfo).port;
});
afterAll(() => void holder.close());

const error = (code: string) => Object.assign(new Error(`listen ${code}`), { code });
/** As grpc-js reports it: the code is only in the message. */
const grpcError = (code: string) =>
  new Error(`No address added out of total 1 resolved errors: [listen ${code}: something 127.0.0.1:80]`);

describe('listenFailure', () => {
  it('names the port, the process that holds it, and the variable', async () => {
    const { message } = await listenFailure(error('EADDRINUSE'), {
      address: `127.0.0.1:${port}`,
      variable: 'GRPC_ADDRESS',
    });
    expect(message).toBe(
      `cannot listen on 127.0.0.1:${port} (GRPC_ADDRESS): ` +
        `port ${port} is in use by process ${process.pid}. ` +
        'Stop that process, or set GRPC_ADDRESS to another HOST:PORT',
    );
  });

  it.each([
    [
      'a port that a process of another user holds',
      error('EADDRINUSE'),
      '127.0.0.1:1',
      'in use by another process, possibly another Rekey. Stop that process, or set GRPC_ADDRESS',
    ],
    [
      'a privileged port',
      grpcError('EACCES'),
      '127.0.0.1:80',
      'may not use a port below 1024. Set GRPC_ADDRESS',
    ],
    [
      'a port that is forbidden for another reason',
      error('EACCES'),
      '127.0.0.1:5000',
      'may not use it. Set GRPC_ADDRESS',
    ],
    [
      'an address of another machine',
      grpcError('EADDRNOTAVAIL'),
      '203.0.113.5:80',
      '203.0.113.5 is not an address of this machine. Set GRPC_ADDRESS',
    ],
    [
      'IPv6 on a machine without it',
      error('EAFNOSUPPORT'),
      '[::1]:80',
      '[::1] is not an address of this machine. Set GRPC_ADDRESS',
    ],
    [
      'a name without an address',
      new Error('Name resolution failed for target dns:nohost.invalid:80'),
      'nohost.invalid:80',
      'the name nohost.invalid has no address. Set GRPC_ADDRESS',
    ],
    ['any other error', error('ENOBUFS'), '127.0.0.1:80', 'ENOBUFS. Set GRPC_ADDRESS'],
  ])('explains %s', async (_what, cause, address, expected) => {
    expect((await listenFailure(cause, { address, variable: 'GRPC_ADDRESS' })).message).toContain(expected);
  });

  it('is the error that the health server of a worker rejects with', async () => {
    const started = startHealthServer({
      address: `127.0.0.1:${port}`,
      variable: 'WORKER_HEALTH_ADDRESS',
      metrics: async () => '',
      logger: silentLogger,
    });
    await expect(started).rejects.toMatchObject({
      name: 'StartError',
      code: 'EADDRINUSE',
      message: expect.stringContaining('set WORKER_HEALTH_ADDRESS'),
    });
  });
});
