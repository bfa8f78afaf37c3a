import { isIPv4 } from 'node:net';
import { z } from 'zod';

/** Of a URL's host name. */
export const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'));

/**
 * Where Invent's API is. Plain HTTP carries the API key and every secret key in clear: it is refused for
 * anything but loopback and the hosts named in `plainHttpHosts` (a simulator on a private container network).
 */
export const parseBaseUrl = (text: string, plainHttpHosts: readonly string[] = []): URL => {
  const url = z
    .url({ error: 'must be a URL' })
    .transform((t) => new URL(t))
    .parse(text);
  if (url.username || url.password || url.search || url.hash)
    throw new Error('must be without credentials, query and fragment');
  const plainAllowed = isLoopback(url.hostname) || plainHttpHosts.includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && plainAllowed))
    throw new Error('must be https, except on loopback');
  return url;
};
