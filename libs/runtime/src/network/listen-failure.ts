import { findPortHolder, type PortHolder } from './port-holder.ts';
import { StartError } from '../process/start-error.ts';

const PRIVILEGED_BELOW = 1024;

/** The code of a failed listen. grpc-js keeps it in its message alone. */
const codeOf = (error: unknown): string => {
  const { code, message = '' } = error as NodeJS.ErrnoException;
  if (typeof code === 'string') return code;
  return (
    /\b(EADDRINUSE|EACCES|EADDRNOTAVAIL|EAFNOSUPPORT|EINVAL)\b/.exec(message)?.[1] ??
    (message.startsWith('Name resolution failed') ? 'ENOTFOUND' : 'UNKNOWN')
  );
};

const heldBy = (holder: PortHolder | undefined): string => {
  if (holder === undefined) return 'by another process, perhaps another Rekey';
  const { pid, rekey } = holder;
  return rekey
    ? `by process ${pid}, the ${rekey.app} of another Rekey, in ${JSON.stringify(rekey.folder)}`
    : `by process ${pid}`;
};

/** Explains why an address cannot be listened on, who holds it, and which variable to change. */
export const listenFailure = async (
  error: unknown,
  {
    address,
    variable,
    takes = 'HOST:PORT',
  }: { address: string; variable: string; takes?: 'HOST:PORT' | 'PORT' },
): Promise<StartError> => {
  const code = codeOf(error);
  const port = Number(/:(\d+)$/.exec(address)?.[1]);
  const host = address.replace(/:\d+$/, '');
  const fail = (message: string) =>
    new StartError(code, `cannot listen on ${address} (${variable}): ${message}`);
  switch (code) {
    case 'EADDRINUSE':
      return fail(
        `port ${port} is in use ${heldBy(await findPortHolder(port))}. Stop that process, or set ${variable} to another ${takes}`,
      );
    case 'EACCES':
      return fail(
        port < PRIVILEGED_BELOW
          ? `this user may not use a port below ${PRIVILEGED_BELOW}. Set ${variable} to ${takes === 'PORT' ? 'a higher one' : 'HOST:PORT with a higher port'}`
          : `this user may not use it. Set ${variable} to another ${takes}`,
      );
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EINVAL':
      return fail(
        `${host} is not an address of this machine. Set ${variable} to one that is, such as 127.0.0.1:${port}, or 0.0.0.0:${port} for all`,
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return fail(
        `the name ${host} has no address. Set ${variable} to an address of this machine, such as 127.0.0.1:${port}`,
      );
    default:
      return fail(`${code}. Set ${variable} to another ${takes}`);
  }
};
