import { describe, expect, it } from '@jest/globals';
import { areTrials, repositoryRoot, resultOf, startChild } from '@rekey/testing';

const trial = async (...args: string[]) => {
  const main = 'chaos/src/writer-trial/main.ts';
  const child = startChild(process.execPath, ['--conditions=@rekey/source', main, '--json', ...args], {
    cwd: repositoryRoot,
  });
  const { code, out, err } = await resultOf(child);
  if (out === '') throw new Error(`the trial ended with ${code} and no verdict:\n${err.slice(-4000)}`);
  return { code, verdict: JSON.parse(out) as { mutations: number; violations: { what: string }[] } };
};

const MUTATIONS = areTrials ? 400 : 100;

describe('a writer in Redis', () => {
  it('learns and forges no key, ends no process, and does no harm that is not named', async () => {
    const count = String(MUTATIONS);
    const { code, verdict } = await trial('--mutations', count, '--batch', count, '--seed', '7');
    expect(verdict.violations).toEqual([]);
    expect(verdict.mutations).toBe(MUTATIONS);
    expect(code).toBe(0);
  });

  it('gains nothing by what a thief would do', async () => {
    const names = [
      'a reader of everything added',
      'forged acknowledgements',
      'numbers beyond all others',
      ...(areTrials
        ? ['the registry put back after each repair', 'a stream at its last id', 'a version ahead, and back']
        : []),
    ];
    const { verdict } = await trial('--mutations', String(names.length), '--batch', '1', '--only', ...names);
    expect(verdict.violations).toEqual([]);
    expect(verdict.mutations).toBe(names.length);
  });
});
