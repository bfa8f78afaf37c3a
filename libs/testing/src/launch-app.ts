import { fileURLToPath } from 'node:url';
import { startChild, lineOf, type Child } from './child.ts';

/** As in the container image. */
const HEAP = ['--max-semi-space-size=16', '--max-old-space-size=512'];

export const repositoryRoot = fileURLToPath(new URL('../../../', import.meta.url));

export interface App {
  readonly child: Child;
  /** What its ready line says: `address`, and whatever else it listens on. */
  readonly ready: Readonly<Record<string, string>>;
  /** Everything that it has written so far; nothing where `onLine` takes the lines. */
  output(): string;
  /** Resolves when `pattern` has been written. */
  untilOutput(pattern: RegExp, timeoutMs?: number): Promise<void>;
}

export interface LaunchOptions {
  args?: string[];
  /** Laid over what of this process's environment an app needs. */
  env?: Record<string, string | undefined>;
  /** Called as soon as it has a process, long before it is ready. */
  onSpawn?: (child: Child) => void;
  /** Called with each line that it writes. */
  onLine?: (line: string) => void;
}

/** Only what a process needs: a test must not depend on the variables of whoever runs it. */
const baseEnvironment = () => ({
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  TZ: process.env['TZ'],
});

/** Starts one of `apps/` as a process and waits for its ready line. */
export const launchApp = async (
  name: 'gateway' | 'worker' | 'simulator',
  { args = [], env = {}, onSpawn, onLine }: LaunchOptions = {},
): Promise<App> => {
  // What `npm run build` made, and not the source, where the check of the build says so.
  const built = process.env['REKEY_TEST_BUILT'] === '1';
  const main = built
    ? [`${repositoryRoot}apps/${name}/dist/main.js`]
    : ['--conditions=@rekey/source', `${repositoryRoot}apps/${name}/src/main.ts`];
  // A group of its own: Ctrl-C on a terminal reaches only the launcher, which ends its children in order.
  const child = startChild(process.execPath, [...(name === 'simulator' ? [] : HEAP), ...main, ...args], {
    env: { ...baseEnvironment(), ...env },
    ownGroup: true,
  });
  onSpawn?.(child);

  let output = '';
  const watchers = new Set<() => void>();
  let rest = '';
  const take = (chunk: Buffer) => {
    const text = chunk.toString('utf8');
    if (!onLine) output += text;
    if (onLine) {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      lines.forEach(onLine);
    }
    for (const check of watchers) check();
  };
  child.process.stdout?.on('data', take);
  child.process.stderr?.on('data', take);

  const ready = await lineOf(child, readReadyLine, `${name} did not get ready`);
  return {
    child,
    ready,
    output: () => output,
    untilOutput: (pattern, timeoutMs = 20_000) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => settle(() => reject(new Error(`${name} never wrote ${pattern}:\n${output.slice(-2000)}`))),
          timeoutMs,
        );
        const settle = (act: () => void) => {
          clearTimeout(timer);
          watchers.delete(check);
          act();
        };
        const check = () => {
          if (pattern.test(output)) settle(resolve);
        };
        watchers.add(check);
        check();
      }),
  };
};

const readReadyLine = (line: string): Record<string, string> | undefined => {
  if (!line.startsWith('{')) return undefined;
  const entry = JSON.parse(line) as Record<string, string>;
  return entry['msg'] === 'ready' ? entry : undefined;
};
