import { startRedis } from '@rekey/testing';
import { launchApp } from '@rekey/testing';
import { createPublisher } from './subscriber-fixture.ts';
import { subscribe } from './index.ts';
import { createGatewayKeyFile, thumbprintOf } from '@rekey/sealing';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
const log = (...a: unknown[]) => console.log(Math.round(performance.now()), ...a);
const server = await startRedis();
const rekey = createPublisher(server.url);
const privateKey = await rekey.enrol('billing', { orgs: ['org_1'] });
for (const id of ['ast_1', 'ast_2']) await rekey.publish(id, `${id} old`);
log('published');
const folder = await mkdtemp('/tmp/rekey-try-');
const x = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
const publicJwk = { ...x, kid: (await thumbprintOf(x as never)).slice(0, 12) };
await createGatewayKeyFile(folder + '/k.json', { sealing: { kid: 's', bytes: new Uint8Array(32).fill(1) }, signing: { publicJwk } } as never);
const gateway = await launchApp('gateway', { env: { REDIS_URL: server.url, REKEY_PREFIX: 'spec', REKEY_GATEWAY_KEY_FILE: folder + '/k.json', REKEY_ALLOW_NEW_LEDGER: 'true', GRPC_ADDRESS: '127.0.0.1:0' } });
log('gateway', gateway.ready);
try {
  const keys = await subscribe({ gateway: { address: gateway.ready['address']! }, consumer: 'billing', prefix: 'spec', privateKey, readyTimeoutMs: 15000 });
  log('ready', keys.size, keys.freshness());
  keys.on('key', (k) => log('key', k.assistantId, k.secretKey));
  keys.on('stale', (k) => log('stale', k));
  keys.on('snapshot', (k) => log('snapshot', k));
  for (let i = 0; i < 5; i++) { log('publish'); await rekey.publish('ast_1', `new ${i}`); await new Promise((r) => setTimeout(r, 300)); }
  await rekey.publish('ast_9', `other`, { orgId: 'org_2' });
  await new Promise((r) => setTimeout(r, 2500));
  log(keys.freshness());
  await keys.close();
} catch (e) { log('failed', e, (e as any).cause); }
log(gateway.output().slice(-3000));
await gateway.child.kill(); rekey.close(); await server.dispose();
