import { baseEnvironment } from './base-environment.ts';
import { startChild, lineOf, type Child } from './child.ts';
import { programArguments } from './program.ts';

/** The same limits as in the container image. */
/** As docs/guides/operate.md says. */
const HEAP = {
  gateway: ['--max-semi-space-size=8', '--max-old-space-size=512'],
  worker: ['--max-semi-space-size=16', '--max-old-space-size=512'],
  simulator: [],
};
/** Each thread of V8 would otherwise keep megabytes of its own. */
const MALLOC = { MALLOC_ARENA_MAX: '2' };

export interface App {
  readonly child: Child;
  /** The fields of its ready line: `address`, and other addresses that it listens on. */
  readonly ready: Readonly<Record<string, string>>;
  /** Everything that it has written so far; empty if `onLine` receives the lines. */
  output(): string;
  /** Resolves once the output matches `pattern`. */
  untilOutput(pattern: RegExp, timeoutMs?: number): Promise<void>;
}

export interface LaunchOptions {
  args?: string[];
  /** Added to the variables of this process that every app needs. */
  env?: Record<string, string | undefined>;
  /** Called once the process exists, before it is ready. */
  onSpawn?: (child: Child) => void;
  /** Called with each line of its output. */
  onLine?: (line: string) => void;
}

/** Starts one of `apps/` as a process, and waits for its ready line. */
export const launchApp = async (
  name: 'gateway' | 'worker' | 'simulator',
  { args = [], env = {}, onSpawn, onLine }: LaunchOptions = {},
): Promise<App> => {
  // In its own process group: Ctrl-C on a terminal reaches only the launcher, which stops its apps in order.
  const nodeOptions = ['--disable-sigusr1', ...HEAP[name]];
  const child = startChild(process.execPath, [...nodeOptions, ...programArguments(name), ...args], {
    env: { ...baseEnvironment(), ...MALLOC, ...env },
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

  const ready = await lineOf(child, readReadyLine, `${name} did not become ready`);
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
