import {
  baseEnvironment,
  lineOf,
  programArguments,
  startChild,
  type Child,
  type Program,
} from '@rekey/testing';

const startApp = (app: Program, env: Record<string, string>): Child =>
  startChild(process.execPath, programArguments(app), { env: { ...baseEnvironment(), ...env } });

/** Starts a worker that must doubt its key file, and stops it. Resolves with its log line and exit code. */
export const waitingWorker = async (
  env: Record<string, string>,
): Promise<{ line: string; code: number | null }> => {
  const child = startApp('worker', env);
  try {
    const isDoubt = (line: string) => (line.includes('key_file_doubted') ? line : undefined);
    const line = await lineOf(child, isDoubt, 'a worker that waits', 30_000);
    return { line, code: await child.stop() };
  } finally {
    await child.kill();
  }
};

/** Starts an app that must refuse to start. Resolves with its output and exit code. */
export const refusal = async (
  app: Program,
  env: Record<string, string>,
): Promise<{ code: number | null; text: string }> => {
  const child = startApp(app, env);
  let text = '';
  child.process.stdout?.on('data', (chunk) => (text += chunk));
  child.process.stderr?.on('data', (chunk) => (text += chunk));
  const { code } = await child.exited;
  return { code, text };
};
