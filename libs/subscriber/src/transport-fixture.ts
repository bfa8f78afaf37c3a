import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from '@jest/globals';
import { createGatewayKeyFile, thumbprintOf } from '@rekey/sealing';
import { launchApp, type App } from '@rekey/testing';
import type { SubscribeOptions } from './index.ts';

/** For specs: they run over Redis, or with REKEY_SPEC_TRANSPORT=gateway over a gateway of their own. */
export const isOverGateway = process.env['REKEY_SPEC_TRANSPORT'] === 'gateway';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Starts a gateway of the ledger that `createPublisher` writes. */
export const startGateway = async (redisUrl: string, env: Record<string, string> = {}): Promise<App> => {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-subscriber-'));
  const keyFile = join(folder, 'gateway-key.json');
  const x = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  const publicJwk = { ...x, kid: (await thumbprintOf(x as never)).slice(0, 12) };
  const keys = { sealing: { kid: 'sealing', bytes: new Uint8Array(32).fill(1) }, signing: { publicJwk } };
  await createGatewayKeyFile(keyFile, keys as never);
  const gateway = await launchApp('gateway', {
    env: {
      REDIS_URL: redisUrl,
      REKEY_PREFIX: 'spec',
      REKEY_GATEWAY_KEY_FILE: keyFile,
      REKEY_ALLOW_NEW_LEDGER: 'true',
      GRPC_ADDRESS: '127.0.0.1:0',
      GATEWAY_HEALTH_ADDRESS: '',
      ...env,
    },
  });
  closing.push(async () => {
    await gateway.child.kill();
    await rm(folder, { recursive: true });
  });
  return gateway;
};

/** The transport of a subscriber: to this Redis, or to a gateway before it. */
export const transportTo = async (redisUrl: string): Promise<Pick<SubscribeOptions, 'redis' | 'gateway'>> =>
  isOverGateway
    ? { gateway: { address: (await startGateway(redisUrl)).ready['address']! } }
    : { redis: redisUrl };
