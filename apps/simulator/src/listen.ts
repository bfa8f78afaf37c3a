import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

const explain = ({ code = '' }: NodeJS.ErrnoException, option: string): string => {
  switch (code) {
    case 'EADDRINUSE':
      return (
        'it is in use by another process, possibly by another Rekey. ' +
        `Stop that process, or choose another port with ${option}`
      );
    case 'EACCES':
      return `this user may not use that port. Choose a port of 1024 or above with ${option}`;
    case 'EADDRNOTAVAIL':
      return 'it is not an address of this machine. Choose another with --host';
    case 'ENOTFOUND':
      return 'the name has no address. Choose another with --host';
    default:
      return `${code}. Choose another address with --host and ${option}`;
  }
};

/** Listens, and returns the URL. `option` is the option that sets the port. */
export const listen = async (
  server: Server,
  { port, host, option }: { port: number; host: string; option: string },
): Promise<string> => {
  server.listen(port, host);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`cannot listen on ${host}:${port}: ${explain(error, option)}`, { cause: error });
  });
  return `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;
};
