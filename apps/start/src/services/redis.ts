import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findRedis, startRedis } from '@rekey/testing';
import type { Launcher } from '../launcher/launcher.ts';
import { readVariable } from './environment.ts';
import { choosePort } from './ports.ts';

/**
 * Starts a Redis, and returns its URL and the folder of its data. Simulated and real assistants have
 * separate data: in one ledger, each would look deleted to the other.
 */
export const startOwnRedis = async (
  launcher: Launcher,
  simulated: boolean,
): Promise<{ url: string; folder: string }> => {
  const { dataDir, lifecycle, parts, terminal } = launcher;
  const folder = simulated ? 'redis' : 'redis-invent';
  const binary = await findRedis(terminal.say);
  await lifecycle.unlessStopping();
  const port = await choosePort({
    variable: 'REDIS_PORT',
    given: readVariable('REDIS_PORT'),
    preferred: 6379,
    onTaken: (message) => terminal.note('redis', message),
  });
  const dir = join(dataDir, folder);
  await mkdir(dir, { recursive: true });
  const redis = await startRedis({
    binary,
    dir,
    port,
    persistence: 'everysec',
    onSpawn: (child) => parts.add('redis', child),
  });
  terminal.ready('redis', `${redis.url}  (data in .rekey/${folder})`);
  return { url: redis.url, folder: dir };
};
