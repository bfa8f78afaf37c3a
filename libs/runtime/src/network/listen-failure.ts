import { findPortHolder, type PortHolder } from './port-holder.ts';
import { StartError } from '../process/start-error.ts';

const PRIVILEGED_BELOW = 1024;

/** The code of a failed listen. grpc-js has it only in the message. */
const codeOf = (error: unknown): string => {
  const { code, message = '' } = error as NodeJS.ErrnoException;
  if (typeof code === 'string') return code;
  return (
    /\b(EADDRINUSE|EACCES|EADDRNOTAVAIL|EAFNOSUPPORT|EINVAL)\b/.exec(message)?.[1] ??
    (message.startsWith('Name resolution failed') ? 'ENOTFOUND' : 'UNKNOWN')
  );
};

const heldBy = (holder: PortHolder | undefined): string => {
  if (holder === undefined) return 'by another process, possibly another Rekey';
  const { pid, rekey } = holder;
  return rekey
    ? `by process ${pid}, the ${rekey.app} of another Rekey, in ${JSON.stringify(rekey.folder)}`
    : `by process ${pid}`;
};

interface Address {
  address: string;
  /** The variable or option that sets the address. */
  variable: string;
  /** The form of its value. */
  takes?: 'HOST:PORT' | 'PORT';
}

/** Explains why listening on an address failed, which process holds it, and which variable to change. */
export const listenFailure = async (error: unknown, wanted: Address): Promise<StartError> => {
  const code = codeOf(error);
  const { address, variable } = wanted;
  const { why, advice } = await explain(code, wanted);
  return new StartError(code, `cannot listen on ${address} (${variable}): ${why}. ${advice}`);
};

const explain = async (
  code: string,
  { address, variable, takes = 'HOST:PORT' }: Address,
): Promise<{ why: string; advice: string }> => {
  const port = Number(/:(\d+)$/.exec(address)?.[1]);
  const host = address.replace(/:\d+$/, '');
  const setAnother = `Set ${variable} to another ${takes}`;
  switch (code) {
    case 'EADDRINUSE': {
      const holder = heldBy(await findPortHolder(port));
      const advice = `Stop that process, or set ${variable} to another ${takes}`;
      return { why: `port ${port} is in use ${holder}`, advice };
    }
    case 'EACCES': {
      if (port >= PRIVILEGED_BELOW) return { why: 'this user may not use it', advice: setAnother };
      const higher = takes === 'PORT' ? 'a higher port' : 'HOST:PORT with a higher port';
      return {
        why: `this user may not use a port below ${PRIVILEGED_BELOW}`,
        advice: `Set ${variable} to ${higher}`,
      };
    }
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EINVAL':
      return {
        why: `${host} is not an address of this machine`,
        advice: `Set ${variable} to one that is, such as 127.0.0.1:${port}, or 0.0.0.0:${port} for all`,
      };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return {
        why: `the name ${host} has no address`,
        advice: `Set ${variable} to an address of this machine, such as 127.0.0.1:${port}`,
      };
    case 'NOT_LOOPBACK':
      return {
        why: `the name ${host} has an address that is not on loopback`,
        advice: `Set ${variable} to 127.0.0.1:${port}, or correct the name on this machine`,
      };
    default:
      return { why: code, advice: setAnother };
  }
};
