import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { commandText } from '@rekey/ledger';
import { repositoryRoot } from '@rekey/testing';

/**
 * By what a command of the ledger is recognised on the wire: ioredis sends its text on a connection that has
 * not sent it before, and then its digest. Of the text, the line that says what it does.
 */
export const patternsOf = async (name: string): Promise<string[]> => {
  const [file] = globSync(`${repositoryRoot}libs/ledger/src/*/commands/${name}.lua`);
  const lines = (await readFile(file!, 'utf8')).split('\n');
  return [
    createHash('sha1').update(commandText(name)).digest('hex'),
    lines.find((line) => line.startsWith('--'))!,
  ];
};
