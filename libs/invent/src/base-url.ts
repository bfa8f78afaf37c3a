import { isIPv4 } from 'node:net';
import { z } from 'zod';

/** Whether the host name of a URL is a loopback address. */
export const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'));

/**
 * The URL of Invent's API. Plain HTTP transfers the API key and all secret keys in clear text, so it is
 * allowed only for loopback and for `plainHttpHosts` (a simulator on a private container network).
 */
export const parseBaseUrl = (text: string, plainHttpHosts: readonly string[] = []): URL => {
  const url = z
    .url({ error: 'must be a URL' })
    .transform((t) => new URL(t))
    .parse(text);
  if (url.username || url.password || url.search || url.hash)
    throw new Error('must be a URL without credentials, query and fragment');
  const plainAllowed = isLoopback(url.hostname) || plainHttpHosts.includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && plainAllowed))
    throw new Error('must be https, except on loopback');
  return url;
};
