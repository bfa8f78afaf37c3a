import { createHash } from 'node:crypto';
import { commandText } from '@rekey/ledger';

export type CommandName = Parameters<typeof commandText>[0];

/**
 * The texts by which a proxy recognises a command of the ledger. On a connection, ioredis sends a script's
 * text first, and then its digest. The pattern of the text is the line that names the command.
 */
export const patternsOf = (name: CommandName): string[] => {
  const text = commandText(name);
  return [createHash('sha1').update(text).digest('hex'), `-- rekey:${name}\n`];
};
