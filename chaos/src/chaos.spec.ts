import { describe, expect, it } from '@jest/globals';
import { areTrials, repositoryRoot, startChild } from '@rekey/testing';
import { faultNames } from './faults/havoc.ts';

/** The rotations of a run, and the odd episodes of one. */
const ROTATIONS = areTrials ? 200 : 60;
const EPISODES = areTrials ? 6 : 2;

const chaos = async (...args: string[]) => {
  const child = startChild(
    process.execPath,
    ['--conditions=@rekey/source', 'chaos/src/main.ts', '--json', ...args],
    { cwd: repositoryRoot },
  );
  let text = '';
  child.process.stdout?.on('data', (chunk) => (text += chunk));
  let errors = '';
  child.process.stderr?.on('data', (chunk) => (errors = `${errors}${chunk}`.slice(-4000)));
  const { code } = await child.exited;
  if (text === '') throw new Error(`chaos ended with ${code} and no verdict:\n${errors}`);
  return { code, verdict: JSON.parse(text) as Record<string, number> };
};

describe('--without', () => {
  it.each([
    [
      'Redis killed,nonsense',
      /unknown kind 'nonsense'.*Redis stranded.*Redis read-only.*encoded answers.*long 429/,
    ],
    [faultNames.join(), /must leave at least one/],
  ])('refuses %j', async (kinds, message) => {
    await expect(chaos('--without', kinds)).rejects.toThrow(message);
  });
});

describe('a short run', () => {
  it('is clean, and archives each change once under who made it', async () => {
    const audited = ['--identities', '--archive', '--flips', '50'];
    const { code, verdict } = await chaos('--rotations', String(ROTATIONS), '--seed', '7', ...audited);
    expect(verdict).toMatchObject({
      clean: true,
      divergent: 0,
      lost: 0,
      orderViolations: 0,
      concurrentPosts: 0,
      burntBeyondBound: 0,
    });
    expect(verdict['succeeded']).toBeGreaterThan(ROTATIONS * 0.8);
    expect(verdict['uncertainAnnounced']).toBeGreaterThan(0);
    expect(verdict).toMatchObject({
      archive: { breaks: [], missing: [], twice: [], gaps: 0, flipped: { places: 50, found: 50 } },
      changes: { missing: [], twice: [], unknown: [], broken: [] },
    });
    expect(code).toBe(0);
  });

  // In the check, e2e/bulk pauses, resumes, cancels and kills.
  if (areTrials)
    it('is clean for a bulk that is paused, resumed or cancelled, and rotates none twice', async () => {
      const { code, verdict } = await chaos('--bulk', '--rotations', String(ROTATIONS), '--seed', '7');
      expect(verdict).toMatchObject({
        clean: true,
        rotations: ROTATIONS,
        divergent: 0,
        lost: 0,
        doneTwice: 0,
        orderViolations: 0,
        concurrentPosts: 0,
        burntBeyondBound: 0,
      });
      expect(verdict['succeeded']).toBeGreaterThan(ROTATIONS * 0.9);
      expect(code).toBe(0);
    });

  if (areTrials)
    it('costs exactly one request for each rotation without faults', async () => {
      const { verdict } = await chaos('--rotations', String(ROTATIONS), '--seed', '7', '--faults', '0');
      expect(verdict).toMatchObject({ clean: true, requestsARotation: 1, uncertainAnnounced: 0 });
    });

  it('is clean if Invent answers wrongly meanwhile', async () => {
    const { code, verdict } = await chaos(
      '--rotations',
      areTrials ? '60' : '30',
      '--seed',
      '7',
      '--world',
      'odd',
      '--episodes',
      String(EPISODES),
      '--faults',
      '0',
    );
    const { episodes, operatorDid } = verdict as unknown as Record<string, Record<string, number>>;
    expect(Object.values(episodes!).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(EPISODES);
    expect(verdict).toMatchObject({
      world: 'odd',
      clean: true,
      divergent: 0,
      lost: 0,
      succeededWithoutNewKey: 0,
      removedAlive: 0,
      silentlyWrong: 0,
      leftOut: 0,
      orderViolations: 0,
    });
    expect(code).toBe(0);
    expect(operatorDid).toBeDefined();
  });
});
