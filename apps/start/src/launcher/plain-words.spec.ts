import { describe, expect, it } from '@jest/globals';
import { plainWords } from './plain-words.ts';

const line = (fields: object): string => JSON.stringify({ level: 'error', time: 1, ...fields });

describe('plainWords', () => {
  it('names the command that takes over the consumers of an earlier version', () => {
    expect(plainWords(line({ event: 'registry_problem', code: 'REGISTRY_NOT_TAKEN_OVER' }))).toContain(
      'npx rekey registry trust',
    );
  });

  it.each([
    line({ event: 'registry_problem', code: 'REGISTRY_UNTRUSTED' }),
    line({ event: 'registry_problem_over', code: 'REGISTRY_NOT_TAKEN_OVER' }),
    line({ event: 'rotation_failed', msg: '"REGISTRY_NOT_TAKEN_OVER"' }),
    '{"event":"registry_problem","code":"REGISTRY_NOT_TAKEN_OVER"',
    'no JSON',
  ])('has no words for %s', (other) => {
    expect(plainWords(other)).toBeUndefined();
  });
});
