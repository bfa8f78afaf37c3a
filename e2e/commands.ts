import { readFile } from 'node:fs/promises';
import { repositoryRoot } from '@rekey/testing';
import type { Redis } from 'ioredis';

const read = (name: string): Promise<string> => readFile(`${repositoryRoot}libs/ledger/src/commands/${name}.lua`, 'utf8');

/** Has Redis know a command of the ledger, so that nothing but its digest is sent for it; returns the digest. */
export const loadCommand = async (redis: Redis, name: string): Promise<string> => {
  const [, flags = '', rest = ''] = /^(#!lua[^\n]*\n)?([^]*)$/.exec(await read(name))!;
  return String(await redis.script('LOAD', `${flags}${await read('prelude')}\n${rest}`));
};
