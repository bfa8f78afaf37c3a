import { isIPv4 } from 'node:net';

/**
 * Whether the host name of a URL is a loopback address. Names are not resolved: only `localhost` is one.
 */
export const isLoopbackHost = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'));
