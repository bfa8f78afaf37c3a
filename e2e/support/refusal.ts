import { join } from 'node:path';
import { baseEnvironment, repositoryRoot, startChild } from '@rekey/testing';

/** Starts an app that must refuse to start. Resolves with its output and exit code. */
export const refusal = async (
  app: string,
  env: Record<string, string>,
): Promise<{ code: number | null; text: string }> => {
  const child = startChild(
    process.execPath,
    ['--conditions=@rekey/source', join(repositoryRoot, `apps/${app}/src/main.ts`)],
    { env: { ...baseEnvironment(), ...env } },
  );
  let text = '';
  child.process.stdout?.on('data', (chunk) => (text += chunk));
  child.process.stderr?.on('data', (chunk) => (text += chunk));
  const { code } = await child.exited;
  return { code, text };
};
