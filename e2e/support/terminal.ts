import { spawn } from 'node:child_process';
import { once } from 'node:events';

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** A question on the screen, and what is typed when it is shown. */
export type Answer = [question: string, answer: string];

/**
 * Runs a command on a real terminal, a pseudo-terminal that `script` of util-linux makes, and types each
 * answer when its question is shown. `screen` is everything that the terminal shows, echoes included.
 */
export const onTerminal = async (
  command: string[],
  { answers = [], cwd, env }: { answers?: Answer[]; cwd: string; env: NodeJS.ProcessEnv },
): Promise<{ code: number | null; screen: string }> => {
  const child = spawn('script', ['-qefc', command.map(quoted).join(' '), '/dev/null'], {
    cwd,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { TERM: 'xterm-256color', ...env },
  });
  let screen = '';
  let waiting = [...answers];
  let seen = 0;
  child.stdout.on('data', (chunk) => {
    screen += String(chunk);
    const [next] = waiting;
    const at = next ? screen.indexOf(next[0], seen) : -1;
    if (at === -1) return;
    seen = at + next![0].length;
    waiting = waiting.slice(1);
    child.stdin.write(`${next![1]}\r`);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, screen };
};

const ESCAPE = String.fromCharCode(27);
const SEQUENCES = new RegExp(`${ESCAPE}\\[[\\d;?]*[A-Za-z]`, 'g');
/** A screen without colours and movements of the cursor. */
export const plain = (screen: string): string => screen.replaceAll(SEQUENCES, '').replaceAll('\r', '');
