import { createHmac } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { redis, useLedger } from '../../ledger-fixture.ts';
import type { Ledger } from '../../open-ledger.ts';
import { add, believes, codesOf, copyOf, fresh } from '../registry-fixture.ts';

/* Two keys: a process believes a registry that it has proved with one, and Redis shows one of the other. */

useLedger();

const mac = (label: string, text: string | Uint8Array): string =>
  createHmac('sha256', 'another').update(`${label}\n`).update(text).digest('base64url');
const verify = (label: string, text: string | Uint8Array, given: string): boolean =>
  given === mac(label, text);
const OTHER = { kid: 'another-key0', mac, verify };
const kidOf = async () => (await redis.get('{spec}:registry'))!.split('.')[1];
const beat = (one: Ledger, id: string, kind = 'worker') =>
  one.processes.beat({
    id,
    kind,
    roles: [],
    version: '1',
    settings: { registry: one.registry.presence(id)! },
  });

let worker: Ledger;
/** Its key file is another one: it has believed what it wrote itself. */
let gateway: Ledger;
beforeEach(async () => {
  gateway = fresh({ key: OTHER });
  await add(gateway, 'wrong');
  await redis.del('{spec}:registry', '{spec}:consumers');
  worker = fresh();
  await add(worker, 'billing');
});

describe('a process whose key is not that of the stored registry', () => {
  it('changes nothing while a live worker proves the other key, and says so', async () => {
    await beat(worker, 'worker-1');
    await beat(gateway, 'gateway-1', 'gateway');
    await believes(gateway);
    expect(await kidOf()).toBe('spec-key-000');
    expect(gateway.registry.untrusted()).toBe('REGISTRY_KEY_OTHER');
    expect(codesOf(gateway)).toEqual(['REGISTRY_KEY_OTHER']);
    await expect(add(gateway, 'more')).rejects.toMatchObject({ code: 'REGISTRY_KEY_OTHER' });
    expect(await believes(worker)).toEqual(['billing org_1']);
  });

  it('repairs while no worker proves the other key', async () => {
    await beat(gateway, 'worker-of-this-key');
    await beat(worker, 'gateway-1', 'gateway');
    await believes(gateway);
    expect(await kidOf()).toBe('another-key0');
    expect(gateway.registry.untrusted()).toBeUndefined();
  });

  it('repairs if another worker proves its own key', async () => {
    await beat(gateway, 'worker-2');
    const second = fresh({ key: OTHER });
    const back = await copyOf('registry', 'consumers');
    await redis.del('{spec}:registry');
    await believes(gateway);
    await believes(second);
    await back();
    await beat(worker, 'worker-1');
    await believes(second);
    expect(await kidOf()).toBe('another-key0');
  });
});
