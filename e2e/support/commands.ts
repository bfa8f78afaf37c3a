import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { commandText } from '@rekey/ledger';
import { repositoryRoot } from '@rekey/testing';

/**
 * The texts by which a proxy recognises a command of the ledger. ioredis first sends a script's text on a
 * connection, and later only its digest. Of the text, the line that says what the script does is enough.
 */
export const patternsOf = async (name: string): Promise<string[]> => {
  const lines = (await readFile(`${repositoryRoot}libs/ledger/src/commands/${name}.lua`, 'utf8')).split('\n');
  return [
    createHash('sha1').update(commandText(name)).digest('hex'),
    lines.find((line) => line.startsWith('--'))!,
  ];
};
