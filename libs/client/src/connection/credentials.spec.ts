import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { refuseAddress, secure } from './credentials.ts';

const isSecure = (...args: Parameters<typeof secure>) =>
  !secure(...args).credentials.constructor.name.startsWith('Insecure');

describe('refuseAddress', () => {
  it.each(['gateway:50051', '[::1]:50051', 'gateway', 'unix:/run/rekey.sock', 'dns:///gateway:50051'])(
    'accepts %s',
    (address) => {
      expect(() => refuseAddress(address)).not.toThrow();
    },
  );

  it.each([
    'http://127.0.0.1:50051',
    'https://gateway',
    'grpc://gateway:1',
    'gateway:1/',
    'user:hunter2@gateway:1',
    'gate way:1',
    '',
  ])('refuses %s, without quoting it', (address) => {
    expect(() => refuseAddress(address)).toThrow(/^address must be HOST:PORT/);
    expect(() => refuseAddress(address)).not.toThrow(/hunter2/);
  });
});

describe('secure', () => {
  it('is by default plain text to loopback, and TLS to all others', () => {
    expect([isSecure('127.0.0.1:50051'), isSecure('gateway:50051')]).toEqual([false, true]);
  });

  it('follows the option', () => {
    expect([
      isSecure('gateway:50051', false),
      isSecure('127.0.0.1:50051', true),
      isSecure('localhost:1', {}),
    ]).toEqual([false, true, true]);
  });

  it('refuses a path in place of PEM', () => {
    expect(() => secure('gateway:1', { ca: '/etc/rekey/ca.pem' })).toThrow(
      new TypeError('tls.ca is not PEM; to pass the path of a file, use { file }'),
    );
  });

  it('refuses a certificate without its key, and a file that does not exist', async () => {
    expect(() => secure('gateway:1', { cert: 'pem' })).toThrow(
      new TypeError('tls.cert and tls.key must be given together'),
    );
    const folder = await mkdtemp(join(tmpdir(), 'rekey-client-'));
    expect(() => secure('gateway:1', { ca: { file: join(folder, 'ca.pem') } })).toThrow('does not exist');
    await rm(folder, { recursive: true });
  });
});
