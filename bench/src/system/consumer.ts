import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RekeyClient } from '@rekey/client';
import { generateConsumerKey } from '@rekey/sealing';
import { lineOf, type Child } from '@rekey/testing';
import { percentile } from './measure.ts';
import { ORG, waitUntil, type System } from './system.ts';

/** Registers a consumer for all orgs. Resolves with the path of its key file. */
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

export type Mode = 'sdk' | 'channel' | 'poll';
export const startConsumer = (
  system: System,
  mode: Mode,
  keyFile: string,
  more: Record<string, string> = {},
): Promise<{ child: Child; ready: Record<string, string> }> =>
  system.startProgram('consumer-process', { MODE: mode, CONSUMER: 'bench', KEY_FILE: keyFile, ...more });

/** Measures from upstream's change of each key until the consumer has it. */
export const delaysOf = async (
  system: System,
  child: Child,
  assistantIds: readonly string[],
): Promise<number[]> => {
  const reply = lineOf(
    child,
    (line) =>
      line.startsWith('{"seen"') ? (JSON.parse(line) as { seen: [string, number][] }).seen : undefined,
    'the consumer',
  );
  child.signal('SIGUSR2');
  const seen = new Map(await reply);
  const history = (await system.admin('GET', '/history')) as Record<string, { atMs: number }[]>;
  return assistantIds.map((id) => (seen.get(id) ?? Number.POSITIVE_INFINITY) - history[id]!.at(-1)!.atMs);
};

export interface Spread {
  p50: number;
  p99: number;
}
export const spreadOf = (values: number[]): Spread => ({
  p50: percentile(values, 0.5),
  p99: percentile(values, 0.99),
});

/** A sweep publishes the record of every assistant. */
export const publishAll = async (client: RekeyClient): Promise<void> => {
  const { id } = await client.createSweep({ orgId: ORG });
  await waitUntil(async () => {
    const { state, error } = await client.getSweep(id);
    if (state === 'FAILED') throw new Error(`the sweep is FAILED: ${error?.reason}`);
    return state === 'SUCCEEDED';
  }, 200);
};
