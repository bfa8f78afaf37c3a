import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../failure.ts';
import { printable } from '../output/escape.ts';
import { styled } from '../output/style.ts';

const READ_MS = 4000;

/** How the demo shows what it does, and runs commands of `rekey` as a user would. */
export interface DemoTerminal {
  say(text: string): void;
  title(text: string): Promise<void>;
  /** Shows and runs `rekey ARGS`. Resolves to what it printed. Rejects if it fails. */
  run(...args: string[]): Promise<string>;
  /** The same without showing it. */
  read(...args: string[]): Promise<string>;
  /** Starts a command that runs until `stop`. */
  start(...args: string[]): ChildProcess;
  stop(): Promise<void>;
}

const WORD = /^[\w./:=@-]+$/;
const shown = (args: readonly string[]): string =>
  args.map((word) => (WORD.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');

export const createDemoTerminal = ({ isFast }: { isFast: boolean }): DemoTerminal => {
  const running: ChildProcess[] = [];
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const spawnRekey = (args: readonly string[]): ChildProcess => {
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.push(child);
    return child;
  };
  const finish = (args: readonly string[], onText: (text: string) => void): Promise<string> =>
    new Promise((resolve, reject) => {
      const child = spawnRekey(args);
      let [out, err] = ['', ''];
      child.stdout!.on('data', (chunk) => {
        out += String(chunk);
        onText(String(chunk));
      });
      child.stderr!.on('data', (chunk) => {
        err += String(chunk);
        onText(String(chunk));
      });
      child.once('error', reject);
      child.once('close', (code) => {
        if (code === 0) return resolve(out);
        reject(new CliError(`rekey ${shown(args)} failed. ${err.trim()}`, 'DEMO_FAILED'));
      });
    });
  const pause = async (): Promise<void> => void (isFast || (await sleep(READ_MS)));
  return {
    say,
    title: async (text) => {
      await pause();
      say(`\n${styled('bold', text)}\n`);
    },
    run: async (...args) => {
      say(styled('cyan', `$ rekey ${shown(args)}`));
      return finish(args, (text) => process.stdout.write(text));
    },
    read: (...args) => finish(args, () => {}),
    start: (...args) => {
      say(styled('cyan', `$ rekey ${shown(args)} &`));
      const child = spawnRekey(args);
      // Read, so that it does not block; its log is for operators.
      child.stdout!.resume();
      let err = '';
      child.stderr!.on('data', (chunk) => (err = (err + String(chunk)).slice(-2000)));
      child.once('exit', (code) => {
        if (code) say(printable(`It ended with ${code}: ${err.trim()}`));
      });
      return child;
    },
    stop: async () => {
      for (const child of running.splice(0)) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGTERM');
        await Promise.race([ended, sleep(3000, undefined, { ref: false })]);
        child.kill('SIGKILL');
      }
    },
  };
};
