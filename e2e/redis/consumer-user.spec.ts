import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateConsumerKey } from '@rekey/sealing';
import { subscribe } from '@rekey/subscriber';
import { freePort, inCheck } from '@rekey/testing';
import { keyFileOf } from '../consumers/sdk-fixture.ts';
import { eventually, startSystem } from '../support/system.ts';
import { setUpSecrets, urlOfUser, watchedUsers } from './compose-secrets.ts';

let secrets: string;
beforeAll(async () => {
  secrets = await mkdtemp(join(tmpdir(), 'rekey-secrets-'));
  setUpSecrets(secrets, ['billing', 'all']);
});
afterAll(() => rm(secrets, { recursive: true }));

describe('a consumer with the Redis user that setup creates', () => {
  const users: [name: string, org: string][] = [
    ['billing', 'org_demo'],
    ['all', '*'],
  ];
  it.each(inCheck(['billing'], users))(
    '%s (%s) does all its work without a refused command',
    async (name, org) => {
      const port = await freePort();
      const system = await startSystem({
        redis: { port, args: ['--aclfile', await watchedUsers(secrets)] },
        gateway: { REDIS_URL: await urlOfUser(secrets, 'gateway', port) },
        worker: { REDIS_URL: await urlOfUser(secrets, 'worker', port) },
      });
      const { client, redis } = system;
      try {
        const own = await generateConsumerKey('X25519');
        const { d: _, ...jwk } = own;
        await client.addConsumer({ name, orgs: [org], publicJwk: JSON.stringify(jwk) });
        await eventually(
          () => client.getConsumer(name),
          ({ state }) => state === 'ACTIVE',
        );
        const keys = await subscribe({
          redis: await urlOfUser(secrets, `consumer-${name}`, port),
          consumer: name,
          privateKey: keyFileOf(system, own),
        });
        const { id } = await system.rotateAndWait('ast_1');
        await eventually(
          () => client.getRotation(id),
          ({ consumers }) => consumers?.some(({ state }) => state === 'ACKNOWLEDGED') === true,
        );
        await client.removeConsumer(name);
        await eventually(
          async () => keys.freshness(),
          ({ revoked }) => revoked,
        );
        await keys.close();
        expect(await redis.acl('LOG')).toEqual([]);
      } finally {
        await system.stop();
      }
    },
    60_000,
  );
});
