import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * A network of its own, as another machine has it. It reaches `hostAddress` of this machine and nothing else:
 * it has no route, and of this machine only what listens on that address.
 */
export interface NetworkNamespace {
  readonly hostAddress: string;
  /** What a program in it is run with: `[...enter, 'node', …]`. */
  readonly enter: readonly string[];
  /** The error code of a connection from within, or `connected`. */
  connectionTo(host: string, port: number): Promise<string>;
  /** Cuts the only link. */
  cut(): Promise<void>;
  join(): Promise<void>;
  remove(): Promise<void>;
}

const ip = (...args: string[]) => promisify(execFile)('ip', args);

/** Whether this process may make networks. Prints what is skipped if not. */
export const canMakeNamespaces = (): boolean => {
  try {
    const name = `rekey-try-${process.pid}`;
    execFileSync('ip', ['netns', 'add', name], { stdio: 'ignore' });
    execFileSync('ip', ['netns', 'delete', name], { stdio: 'ignore' });
    return true;
  } catch {
    console.warn('Skipped: a consumer on another network needs root and `ip` (iproute2).');
    return false;
  }
};

const PROBE = `
const socket = require('node:net').connect({ host: process.argv[1], port: Number(process.argv[2]) });
const end = (text) => { process.stdout.write(text); process.exit(); };
socket.on('connect', () => end('connected')).on('error', ({ code }) => end(code));
setTimeout(() => end('ETIMEDOUT'), 2000);`;

export const createNetworkNamespace = async (): Promise<NetworkNamespace> => {
  const name = `rekey-${process.pid}`;
  const [outside, inside] = [`rk${process.pid}o`, `rk${process.pid}i`];
  // Of a network that is for benchmarks (RFC 2544).
  const network = `198.18.${process.pid % 200}`;
  const [hostAddress, ownAddress] = [`${network}.1`, `${network}.2`];
  const enter = ['ip', 'netns', 'exec', name];
  await ip('netns', 'add', name);
  await ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', name);
  await ip('address', 'add', `${hostAddress}/30`, 'dev', outside);
  await ip('link', 'set', outside, 'up');
  await ip('-netns', name, 'address', 'add', `${ownAddress}/30`, 'dev', inside);
  await ip('-netns', name, 'link', 'set', inside, 'up');
  await ip('-netns', name, 'link', 'set', 'lo', 'up');
  return {
    hostAddress,
    enter,
    connectionTo: async (host, port) => {
      const [program, ...args] = [...enter, process.execPath, '-e', PROBE, host, String(port)];
      return (await promisify(execFile)(program!, args)).stdout;
    },
    cut: async () => void (await ip('link', 'set', outside, 'down')),
    join: async () => void (await ip('link', 'set', outside, 'up')),
    remove: async () => {
      await ip('netns', 'delete', name);
      // The pair goes with the namespace, some time after the last process in it.
      await ip('link', 'delete', outside).catch(() => undefined);
    },
  };
};
