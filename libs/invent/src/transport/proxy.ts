import { BlockList, isIP } from 'node:net';
import { isLoopbackHost } from '@rekey/schema';

/** The proxy for requests, and the variable that configures it. */
export interface Proxy {
  /** Without credentials. */
  origin: string;
  /** `Proxy-Authorization`; a secret. */
  authorization?: string;
  variable: string;
}

/** The usual proxy variables. The lower-case one takes precedence; an empty one counts as not set. */
export type ProxyEnvironment = {
  readonly [
    name in
      | 'https_proxy'
      | 'HTTPS_PROXY'
      | 'http_proxy'
      | 'HTTP_PROXY'
      | 'all_proxy'
      | 'ALL_PROXY'
      | 'no_proxy'
      | 'NO_PROXY'
  ]?: string | undefined;
};

/** A proxy variable is not usable. The error names it but never quotes it: it may contain a password. */
export class ProxyVariableError extends Error {
  readonly variable: string;
  constructor(variable: string, complaint: string) {
    super(complaint);
    this.name = 'ProxyVariableError';
    this.variable = variable;
  }
}

/**
 * The proxy for a URL: HTTPS_PROXY for https, HTTP_PROXY for http, else ALL_PROXY; none for loopback and for
 * hosts in NO_PROXY. Throws ProxyVariableError.
 */
export const proxyFor = (url: URL, env: ProxyEnvironment): Proxy | undefined => {
  if (isLoopbackHost(url.hostname)) return undefined;
  const names =
    url.protocol === 'https:'
      ? (['https_proxy', 'HTTPS_PROXY'] as const)
      : (['http_proxy', 'HTTP_PROXY'] as const);
  const variable = [...names, 'all_proxy' as const, 'ALL_PROXY' as const].find((name) => env[name]);
  if (variable === undefined || isExcepted(url, env.no_proxy || env.NO_PROXY || '')) return undefined;
  return parseProxy(variable, env[variable]!);
};

const parseProxy = (variable: string, text: string): Proxy => {
  const complaint = 'must be an http:// or https:// URL without a path, such as http://proxy.example:3128';
  // As in other programs, a proxy without a scheme is an HTTP proxy.
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.pathname !== '/' || url.search || url.hash)
    throw new ProxyVariableError(variable, complaint);
  if (!url.username && !url.password) return { origin: url.origin, variable };
  try {
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    return {
      origin: url.origin,
      variable,
      authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
    };
  } catch {
    throw new ProxyVariableError(variable, 'has a user name or a password that is not percent-encoded');
  }
};

const bare = (host: string): string =>
  host
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/(.)\.$/, '$1')
    .toLowerCase();

/**
 * Whether NO_PROXY excludes a URL. Its entries are separated by commas or spaces: `*`, a host with its
 * subdomains, an address, or a network as ADDRESS/BITS; each with `:PORT` if it applies to that port only.
 */
const isExcepted = (url: URL, list: string): boolean => {
  const host = bare(url.hostname);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list.split(/[\s,]+/).some((entry) => {
    const [, named = '', ofPort] = /^(\[.*\]|[^:]*|[^:]*:[^:]*:.*?)(?::(\d+))?$/.exec(entry) ?? [];
    if (named === '' || (ofPort !== undefined && ofPort !== port)) return false;
    if (named === '*') return true;
    if (named.includes('/')) return isInNetwork(host, bare(named));
    if (isIP(host)) return bare(named) === host;
    const isWildcard = named.startsWith('*.');
    const suffix = bare(named.replace(/^\*?\./, ''));
    return host.endsWith(`.${suffix}`) || (!isWildcard && host === suffix);
  });
};

const isInNetwork = (host: string, network: string): boolean => {
  const [address = '', bits = ''] = network.split('/');
  const family = isIP(address);
  if (
    family === 0 ||
    isIP(host) !== family ||
    !/^\d{1,3}$/.test(bits) ||
    Number(bits) > (family === 4 ? 32 : 128)
  )
    return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(address, Number(bits), type);
  return list.check(host, type);
};
