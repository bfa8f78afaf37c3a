import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, it } from '@jest/globals';
import { createGatewayKeyFile, thumbprintOf } from '@rekey/sealing';
import { launchApp } from '@rekey/testing';
import type { SubscribeOptions } from './index.ts';

/** For specs: they run over Redis, or with REKEY_SPEC_TRANSPORT=gateway over a gateway of their own. */
const isOverGateway = process.env['REKEY_SPEC_TRANSPORT'] === 'gateway';

/**
 * A test that another client makes in Redis what a gateway does not pass on: it serves a consumer by the
 * entry that the registry proves, and puts that back.
 */
export const itOverRedis = isOverGateway ? it.skip : it;

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

export interface StartedGateway {
  address: string;
  /** Freezes the process, with its connections open. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** Starts a gateway of the ledger that `createPublisher` writes. */
export const startGateway = async (redisUrl: string): Promise<StartedGateway> => {
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
    },
  });
  return {
    address: gateway.ready['address']!,
    pause: () => gateway.child.signal('SIGSTOP'),
    resume: () => gateway.child.signal('SIGCONT'),
    stop: async () => {
      await gateway.child.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

/** The transport of a subscriber: to this Redis, or to a gateway before it. */
export const transportTo = async (redisUrl: string): Promise<Pick<SubscribeOptions, 'redis' | 'gateway'>> => {
  if (!isOverGateway) return { redis: redisUrl };
  const gateway = await startGateway(redisUrl);
  closing.push(gateway.stop);
  return { gateway: { address: gateway.address } };
};
