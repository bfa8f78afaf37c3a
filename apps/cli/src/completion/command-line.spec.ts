import { describe, expect, it } from '@jest/globals';
import { lineToComplete, wordsBefore } from './command-line.ts';

describe('the words before the one that is typed', () => {
  it.each<[string, string[]]>([
    ['rekey list --org ', ['rekey', 'list', '--org']],
    ['rekey list --org o', ['rekey', 'list', '--org']],
    ['rekey get --gateway=127.0.0.1:50051 ast', ['rekey', 'get', '--gateway=127.0.0.1:50051']],
    [`rekey get --token-file 'my token' `, ['rekey', 'get', '--token-file', 'my token']],
    [`rekey get --token-file "a \\"b\\" \\c" x`, ['rekey', 'get', '--token-file', 'a "b" \\c']],
    ['rekey get --token-file my\\ token ', ['rekey', 'get', '--token-file', 'my token']],
    ['rekey get --token-file ~/token ', ['rekey', 'get', '--token-file', '/home/me/token']],
    [`rekey get '~/token' `, ['rekey', 'get', '~/token']],
    ['rekey get $(touch ran) `touch ran` ', ['rekey', 'get', '$(touch', 'ran)', '`touch', 'ran`']],
    [`rekey get 'unfinished x`, ['rekey', 'get']],
    ['', []],
  ])('of %j', (line, words) => {
    expect(wordsBefore(line, '/home/me')).toEqual(words);
  });
});

describe('the line of a script of completion', () => {
  it('is that of its command alone', () => {
    expect(lineToComplete(['completion', 'values', 'org', '--line', 'rekey list ', '--', ''])).toBe(
      'rekey list ',
    );
    expect(lineToComplete(['completion', 'values', 'org', '--', ''])).toBeUndefined();
    expect(lineToComplete(['get', '--line', 'rekey list '])).toBeUndefined();
  });
});
