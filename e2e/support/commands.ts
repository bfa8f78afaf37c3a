import { createHash } from 'node:crypto';
import { commandText } from '@rekey/ledger';

/**
 * How a command of the ledger is recognised on the wire: ioredis sends its text on a connection that has not sent
 * it before, and then its digest. The pattern of the text is the line that names the command.
 */
export type CommandName = Parameters<typeof commandText>[0];

export const patternsOf = (name: CommandName): string[] => {
  const text = commandText(name);
  return [createHash('sha1').update(text).digest('hex'), `-- rekey:${name}\n`];
};
