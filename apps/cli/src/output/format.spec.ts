import { describe, expect, it } from '@jest/globals';
import { failureText } from './format.ts';

const FAILURE = { message: 'The file does not exist.', reason: 'BAD_CONFIG' };
const FOR_PEOPLE = 'error: The file does not exist. (BAD_CONFIG)\n';

describe('a failure', () => {
  it.each([['list --json'], ['list --output json'], ['list --output=yaml']])(
    'is JSON if the arguments ask for it: %s',
    (line) => {
      expect(JSON.parse(failureText(FAILURE, line.split(' ')))).toEqual({ error: FAILURE });
    },
  );

  it.each([
    ['list'],
    ['agent exec --config agent.yaml -- program --json'],
    ['agent exec --config agent.yaml -- program --output json'],
  ])('is text otherwise, whatever a program that rekey starts is asked for: %s', (line) => {
    expect(failureText(FAILURE, line.split(' '))).toBe(FOR_PEOPLE);
  });
});
