import { isLoopbackHost } from '@rekey/schema';
import { z } from 'zod';

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
  const plainAllowed = isLoopbackHost(url.hostname) || plainHttpHosts.includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && plainAllowed))
    throw new Error('must be https, except on loopback');
  return url;
};
