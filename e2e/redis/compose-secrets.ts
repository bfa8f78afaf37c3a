import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { baseEnvironment, repositoryRoot } from '@rekey/testing';

/** Creates in a folder what `docker compose run --rm setup CONSUMER …` creates in `secrets/`. */
export const setUpSecrets = (
  folder: string,
  consumers: string[] = [],
  env: Record<string, string> = {},
): string =>
  execFileSync(
    process.execPath,
    ['--conditions=@rekey/source', join(repositoryRoot, 'docker/setup.mjs'), ...consumers],
    {
      env: {
        NODE_COMPILE_CACHE: baseEnvironment()['NODE_COMPILE_CACHE'],
        SECRETS: folder,
        SECRETS_OWNER: String(process.getuid!()),
        ACCESS: folder,
        EARLIER_KEY_FILE: join(folder, 'none'),
        ...env,
      },
      encoding: 'utf8',
      stdio: 'pipe',
    },
  );

export const secretIn = async (folder: string, name: string): Promise<string> =>
  (await readFile(join(folder, name), 'utf8')).replace(/\n$/, '');

/** The URL of a user at a Redis on this machine. */
export const urlOfUser = async (folder: string, user: string, port: number): Promise<string> =>
  (await secretIn(folder, `redis-url-${user}`)).replace('@redis:6379', `@127.0.0.1:${port}`);

/** A copy of the users of Redis in which a spec, as the user `default`, needs no password. */
export const watchedUsers = async (folder: string): Promise<string> => {
  const path = join(folder, 'users-of-spec');
  const users = await secretIn(folder, 'redis-users.acl');
  await writeFile(path, users.replace(/^user default .*$/m, 'user default on nopass ~* &* +@all'));
  return path;
};
