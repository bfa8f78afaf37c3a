import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { baseEnvironment, type Child, lineOf, repositoryRoot, startChild } from '@rekey/testing';
import { linkPackages } from './fresh-copy.ts';

const run = promisify(execFile);

/** The last commit before what is believed from Redis was proved. */
export const EARLIER = '7d29a403e663';

/** A tree of an earlier version, with the installed packages of this one. */
export interface EarlierVersion {
  readonly folder: string;
  /** Starts one of its apps, and resolves with the fields of its ready line. */
  start(app: 'gateway' | 'worker', env: Record<string, string>): Promise<Record<string, string>>;
  /** Starts its consumer process of the specs, which writes the keys that it holds on SIGUSR2. */
  startConsumer(env: Record<string, string>): Promise<Child>;
  /** Ends the apps that were started, not the consumers. */
  stopApps(): Promise<void>;
  dispose(): Promise<void>;
}

/** Whether the history that was fetched has the commit: a shallow clone may not. */
export const hasEarlierVersion = (): Promise<boolean> =>
  run('git', ['cat-file', '-e', `${EARLIER}^{commit}`], { cwd: repositoryRoot }).then(
    () => true,
    () => false,
  );

const SOURCE = '--conditions=@rekey/source';

/** Starts a consumer process from a tree: this one's or an earlier one. */
export const startConsumerOf = async (tree: string, env: Record<string, string>): Promise<Child> => {
  const file = tree === repositoryRoot ? 'signing/signing-process.ts' : 'signing-process.ts';
  const main = join(tree, 'e2e/consumers', file);
  const child = startChild(process.execPath, [SOURCE, main], {
    env: { ...baseEnvironment(), PER_SECOND: '0', KEYS_FROM: 'redis', ...env },
  });
  await lineOf(child, (line) => (line.includes('"ready"') ? true : undefined), 'the consumer');
  return child;
};

/** The keys that a consumer process holds now. */
export const keysOf = (consumer: Child): Promise<Record<string, string>> => {
  const answer = lineOf(
    consumer,
    (line) =>
      line.startsWith('{"report"')
        ? (JSON.parse(line) as { report: { keys: Record<string, string> } }).report.keys
        : undefined,
    'the consumer',
  );
  consumer.signal('SIGUSR2');
  return answer;
};

const readyFields = (line: string): Record<string, string> | undefined => {
  if (!line.startsWith('{')) return undefined;
  const fields = JSON.parse(line) as Record<string, string>;
  return fields['msg'] === 'ready' ? fields : undefined;
};

export const checkOutEarlierVersion = async (): Promise<EarlierVersion> => {
  const parent = await mkdtemp(join(tmpdir(), 'rekey-earlier-'));
  const folder = join(parent, 'rekey');
  const archive = join(parent, 'tree.tar');
  await run('git', ['archive', '--prefix=rekey/', '--output', archive, EARLIER], { cwd: repositoryRoot });
  await run('tar', ['-xf', archive, '-C', parent]);
  await linkPackages(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'));
  const apps: Child[] = [];
  const stopApps = async () => {
    for (const app of apps.splice(0).toReversed()) await app.stop();
  };
  return {
    folder,
    start: async (app, env) => {
      const child = startChild(process.execPath, [SOURCE, join(folder, 'apps', app, 'src/main.ts')], {
        env: { ...baseEnvironment(), ...env },
      });
      apps.push(child);
      return lineOf(child, readyFields, `the earlier ${app}`);
    },
    startConsumer: (env) => startConsumerOf(folder, env),
    stopApps,
    dispose: async () => {
      await stopApps();
      await rm(parent, { recursive: true, force: true, maxRetries: 3 });
    },
  };
};
