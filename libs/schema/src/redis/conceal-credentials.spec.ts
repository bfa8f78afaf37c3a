import { format, inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { concealCredentials } from './conceal-credentials.ts';

type Command = { name: string; args: unknown[] };
const sent = (command: Command): Command => {
  const all: Command[] = [];
  const redis = { sendCommand: (one: Command) => void all.push(one) };
  concealCredentials(redis);
  redis.sendCommand(command);
  return all[0]!;
};

describe('concealCredentials', () => {
  it.each([
    ['auth', ['user', 'hunter2']],
    ['hello', ['3', 'AUTH', 'default', 'hunter2']],
    ['HELLO', ['3', 'AUTH', 'default', 'hunter2']],
    ['acl', ['SETUSER', 'x', '>hunter2']],
  ])('sends %s as it is, and shows none of it', (name, args) => {
    const { args: given } = sent({ name, args });
    expect(Array.isArray(given)).toBe(true);
    expect([...given]).toEqual(args);
    expect(given.map((arg) => arg)).toEqual(args);
    const error = Object.assign(new Error('refused'), { command: { name, args: given } });
    const shown = [
      format('%o %O %s %j', given, given, given, given),
      inspect(error, { depth: null }),
      JSON.stringify(error),
      `${String(given)}${given.join(',')}`,
    ];
    expect(shown.join()).not.toContain('hunter2');
  });

  it('leaves the arguments of other commands alone', () => {
    const args = ['key', 'value'];
    expect(sent({ name: 'set', args }).args).toBe(args);
  });
});
