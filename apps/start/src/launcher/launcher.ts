import { join } from 'node:path';
import { launchApp, repositoryRoot, type App, type LaunchOptions } from '@rekey/testing';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { createLogFile } from './log-file.ts';
import { createParts, type Parts } from './parts.ts';
import { plainWords } from './plain-words.ts';
import { createTerminal, type Terminal } from './terminal.ts';

type AppName = 'gateway' | 'worker' | 'simulator';

/** Starts the parts of the system, and stops them in order. */
export interface Launcher {
  /** The folder of everything that `npm start` writes. */
  readonly dataDir: string;
  readonly terminal: Terminal;
  readonly lifecycle: Lifecycle;
  readonly parts: Parts;
  /** Starts an app with its log in a file, and ends everything if the app ends unexpectedly. */
  launch(name: AppName, options: LaunchOptions): Promise<App>;
}

export const createLauncher = (): Launcher => {
  const dataDir = join(repositoryRoot, '.rekey');
  const terminal = createTerminal();
  const lifecycle = createLifecycle();
  const parts = createParts(join(dataDir, 'parts'), lifecycle);
  const said = new Set<string>();
  /** Gateway and worker may report the same. */
  const sayOnce = (words: string): void => {
    if (!said.has(words)) terminal.say(words);
    said.add(words);
  };
  return {
    dataDir,
    terminal,
    lifecycle,
    parts,
    launch: async (name, options) => {
      await lifecycle.unlessStopping();
      const log = createLogFile(join(dataDir, `${name}.log`));
      const complaints: string[] = [];
      const onLine = (line: string) => {
        log(line);
        const words = plainWords(line);
        if (isComplaint(line)) complaints.push(line);
        else if (words !== undefined) sayOnce(words);
        else if (isWarning(line)) terminal.say(`${name}: ${line}`);
      };
      const onSpawn = parts.add.bind(undefined, name);
      const app = await launchApp(name, { ...options, onSpawn, onLine }).catch((error: Error) => {
        throw complaints.length > 0 ? startFailure(name, complaints) : error;
      });
      void app.child.exited.then(({ code, signal }) => {
        if (lifecycle.isStopping()) return;
        terminal.say(`${name} ended with ${signal ?? code}; its log is .rekey/${name}.log`);
        void lifecycle.stop(1);
      });
      return app;
    },
  };
};

/** An app that cannot start says why in plain words on standard error; its log has it too. */
const isComplaint = (line: string): boolean => !line.startsWith('{') && line.trim() !== '';

/** Warnings and errors appear on the terminal too. */
const isWarning = (line: string): boolean => /^\{"level":"(warn|error|fatal)"/.test(line);

const startFailure = (name: AppName, complaints: readonly string[]): Error => {
  const prefixed = complaints.map((line) =>
    line.startsWith(`${name}:`) || line.startsWith(' ') ? line : `${name}: ${line}`,
  );
  return new Error(prefixed.join('\n'));
};
