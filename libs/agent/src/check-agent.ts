import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { openLocalVault } from '@rekey/subscriber';
import { AgentError, whyOf } from './agent-error.ts';
import { openCache } from './cache/cache-file.ts';
import type { AgentConfig } from './config/agent-config.ts';
import { accountNumber } from './config/accounts.ts';
import { readToken } from './http/start-listeners.ts';
import { accessOf } from './outputs/file-output.ts';
import { parseTemplate } from './outputs/formats.ts';
import { sourceOf } from './source.ts';

/**
 * What would keep the agent from working with this configuration on this machine, one line each; none if
 * nothing would. Connects to nothing and writes nothing.
 */
export const checkAgent = async (config: AgentConfig, env: NodeJS.ProcessEnv): Promise<string[]> => {
  const {
    http,
    files,
    cache,
    key_file: privateKey,
    mounted_secrets: mountedKeyFile,
    consumer,
    prefix,
  } = config;
  const faults: string[] = [];
  const attempt = async (field: string, check: () => unknown): Promise<void> => {
    try {
      await check();
    } catch (error) {
      const why =
        error instanceof AgentError || isOfSubscriber(error) ? (error as Error).message : whyOf(error);
      faults.push(why.startsWith(field) ? why : `${field}: ${why}`);
    }
  };
  await attempt('source', () => sourceOf(config, env));
  await attempt('key_file', () => openLocalVault({ privateKey, mountedKeyFile }));
  if (http?.socket) {
    const { path, group } = http.socket;
    await attempt('http.socket.path', () => requireFolder(dirname(path)));
    if (group !== undefined) await attempt('http.socket.group', () => accountNumber('group', group));
  }
  const loopback = http?.loopback;
  if (loopback)
    await attempt('http.loopback.token_file', () => readToken(loopback.token_file, mountedKeyFile));
  for (const [i, file] of files.entries()) {
    const field = `files[${i + 1}]`;
    await attempt(`${field}.path`, () => requireFolder(dirname(file.path)));
    await attempt(`${field}.owner`, () => accessOf(file));
    if (file.template !== undefined) await attempt(`${field}.template`, () => parseTemplate(file.template!));
  }
  if (cache)
    await attempt('cache.path', async () => {
      requireFolder(dirname(cache.path));
      const vault = await openLocalVault({ privateKey, mountedKeyFile });
      const found = await openCache(cache.path, { consumer, prefix, vault });
      if (found && 'refused' in found)
        throw new AgentError('CACHE_REFUSED', `the cache would be refused (${found.refused}): remove it`);
    });
  return faults;
};

const isOfSubscriber = (error: unknown): boolean => (error as Error).name === 'SubscribeError';

const requireFolder = (folder: string): void => {
  if (!statSync(folder).isDirectory())
    throw new AgentError('NO_FOLDER', `${JSON.stringify(folder)} is not a folder`);
  accessSync(folder, constants.W_OK | constants.X_OK);
};
