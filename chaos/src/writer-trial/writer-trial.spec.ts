import { describe, expect, it } from '@jest/globals';
import { repositoryRoot, resultOf, startChild } from '@rekey/testing';

const trial = async (...args: string[]) => {
  const main = 'chaos/src/writer-trial/main.ts';
  const child = startChild(process.execPath, ['--conditions=@rekey/source', main, '--json', ...args], {
    cwd: repositoryRoot,
  });
  const { code, out, err } = await resultOf(child);
  if (out === '') throw new Error(`the trial ended with ${code} and no verdict:\n${err.slice(-4000)}`);
  return { code, verdict: JSON.parse(out) as { mutations: number; violations: { what: string }[] } };
};

describe('a writer in Redis', () => {
  it('learns and forges no key, ends no process, and does no harm that is not named', async () => {
    const { code, verdict } = await trial('--mutations', '200', '--batch', '200', '--seed', '7');
    expect(verdict.violations).toEqual([]);
    expect(verdict.mutations).toBe(200);
    expect(code).toBe(0);
  });

  it('gains nothing by what a thief would do', async () => {
    const names = [
      'a reader of everything added',
      'the registry put back after each repair',
      'forged acknowledgements',
      'a stream at its last id',
      'numbers beyond all others',
      'a version ahead, and back',
    ];
    const { verdict } = await trial('--mutations', '6', '--batch', '1', '--only', ...names);
    expect(verdict.violations).toEqual([]);
    expect(verdict.mutations).toBe(6);
  });
});
