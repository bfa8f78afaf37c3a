import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { AgentError } from '../agent-error.ts';
import type { FileOutput } from '../config/agent-config.ts';
import { childEnvironment } from '../process/child-environment.ts';
import { readTextFile } from '@rekey/schema';

/** Runs a command, or sends a signal, after a file was written. */
interface Reload {
  run(): Promise<void>;
  /** Kills a command that is running. */
  kill(): void;
}

const KILL_AFTER_MS = 2000;
const MAX_PID_FILE_BYTES = 64;

/** Undefined if nothing is to be done. */
export const reloadOf = (file: FileOutput): Reload | undefined => {
  const { command, signal } = file;
  if (command !== undefined) return commandReload(command, file);
  return signal && { run: async () => sendSignal(signal), kill: () => {} };
};

const commandReload = (
  [program, ...args]: string[],
  { shell, timeout: timeoutMs, path }: FileOutput,
): Reload => {
  let killRunning = (): void => {};
  const run = (): Promise<void> =>
    new Promise((resolve, reject) => {
      // In a process group of its own, so that whatever it starts is killed with it.
      const child = spawn(program!, args, {
        shell,
        detached: true,
        stdio: ['ignore', 'ignore', 'inherit'],
        env: childEnvironment({ REKEY_AGENT_FILE: path }),
      });
      let why: string | undefined;
      let killing: NodeJS.Timeout | undefined;
      const kill = (reason: string): void => {
        if (why !== undefined) return;
        why = reason;
        signalGroup(child.pid, 'SIGTERM');
        killing = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), KILL_AFTER_MS);
      };
      killRunning = () => kill('the command was killed: the agent ends');
      const late = setTimeout(
        () => kill(`the command did not end within ${timeoutMs} ms, and was killed`),
        timeoutMs,
      );
      const end = (complaint: string | undefined): void => {
        clearTimeout(late);
        clearTimeout(killing);
        if (why !== undefined) signalGroup(child.pid, 'SIGKILL');
        killRunning = () => {};
        if (complaint === undefined) resolve();
        else reject(new AgentError('COMMAND_FAILED', complaint));
      };
      child.once('error', ({ code = 'UNKNOWN' }: NodeJS.ErrnoException) =>
        end(`the command could not be started (${code})`),
      );
      child.once('exit', (code, signal) =>
        end(why ?? (code === 0 ? undefined : `the command ended with ${code === null ? signal : code}`)),
      );
    });
  return { run, kill: () => killRunning() };
};

const signalGroup = (pid: number | undefined, signal: NodeJS.Signals): void => {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
};

const TICKS_PER_SECOND = 100;
const FIELD_OF_START = 19;
/** Clocks differ by that. */
const SLACK_MS = 2000;

/** Whether a process has started after a time: a daemon writes its id after that. False without /proc. */
const startedAfter = (pid: number, ms: number): boolean => {
  const ticksOf = (process: number | 'self'): number => {
    const stat = readFileSync(`/proc/${process}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[FIELD_OF_START]);
  };
  try {
    const laterMs = ((ticksOf(pid) - ticksOf('self')) * 1000) / TICKS_PER_SECOND;
    return performance.timeOrigin + laterMs > ms + SLACK_MS;
  } catch {
    return false;
  }
};

const sendSignal = ({ pid_file: path, signal }: NonNullable<FileOutput['signal']>): void => {
  const at = JSON.stringify(path);
  let text: string;
  try {
    text = readTextFile(path, { maxBytes: MAX_PID_FILE_BYTES });
  } catch (error) {
    throw new AgentError('NO_PID', `the pid file ${at} ${(error as Error).message}`);
  }
  const pid = /^\s*(\d{1,10})\s*$/.exec(text)?.[1];
  // 0 and 1 would signal the agent's own group, and init.
  if (pid === undefined || Number(pid) <= 1)
    throw new AgentError('NO_PID', `the pid file ${at} has no process id`);
  if (startedAfter(Number(pid), statSync(path).mtimeMs))
    throw new AgentError('NO_PID', `the process of the pid file ${at} has ended; another one has its id`);
  try {
    process.kill(Number(pid), signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ESRCH' ? 'has ended' : `may not be signalled by this user (${code})`;
    throw new AgentError('NO_PID', `the process of the pid file ${at} ${why}`);
  }
};
