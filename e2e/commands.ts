import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { repositoryRoot } from '@rekey/testing';

const read = (name: string): Promise<string> => readFile(`${repositoryRoot}libs/ledger/src/commands/${name}.lua`, 'utf8');

/**
 * By what a command of the ledger is recognised on the wire: ioredis sends its text on a connection that has not sent it before, and then
 * its digest. Of the text, the line that says what it does.
 */
export const patternsOf = async (name: string): Promise<string[]> => {
  const [, flags = '', rest = ''] = /^(#!lua[^\n]*\n)?([^]*)$/.exec(await read(name))!;
  const text = `${flags}${await read('prelude')}\n${rest}`;
  return [createHash('sha1').update(text).digest('hex'), rest.slice(0, rest.indexOf('\n'))];
};
