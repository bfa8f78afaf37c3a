import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RekeyClient } from '@rekey/client';
import { generateConsumerKey } from '@rekey/sealing';
import { ORG, waitUntil, type System } from './system.ts';

/** Registers a consumer for all orgs. Resolves with the path of its key file, NAME.json in the folder. */
export const register = async (system: System, client: RekeyClient, name: string): Promise<string> => {
  const own = await generateConsumerKey('X25519');
  const { jwk } = await client.getPublicKey();
  const path = join(system.folder, `${name}.json`);
  await writeFile(path, JSON.stringify({ keys: [own, JSON.parse(jwk)] }), { mode: 0o600 });
  const { d: _private, ...publicJwk } = own;
  await client.addConsumer({ name, orgs: ['*'], publicJwk: JSON.stringify(publicJwk) });
  await waitUntil(async () => (await client.getConsumer(name)).state === 'ACTIVE', 100);
  return path;
};

/** A sweep publishes the record of every assistant. */
export const publishAll = async (client: RekeyClient): Promise<void> => {
  const { id } = await client.createSweep({ orgId: ORG });
  await waitUntil(async () => {
    const { state, error } = await client.getSweep(id);
    if (state === 'FAILED') throw new Error(`the sweep is FAILED: ${error?.reason}`);
    return state === 'SUCCEEDED';
  }, 200);
};
