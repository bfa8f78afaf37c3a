import { readFileSync } from 'node:fs';
import { AgentError } from '../agent-error.ts';

/** The number of a user or a group that is given by its name or number. Throws an AgentError. */
export const accountNumber = (kind: 'user' | 'group', account: string | number): number => {
  if (typeof account === 'number' || /^\d+$/.test(account)) return Number(account);
  const file = kind === 'user' ? '/etc/passwd' : '/etc/group';
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${account}:`));
  const number = line?.split(':')[2];
  if (number === undefined)
    throw new AgentError('NO_ACCOUNT', `there is no ${kind} ${account} in ${file}; its number also works`);
  return Number(number);
};
