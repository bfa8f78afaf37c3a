import { isIPv4, isIPv6 } from 'node:net';

const MAPPED_IPV4 = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;
/** The groups of 16 bits that one customer of a network gets with its first address. */
const NETWORK_GROUPS = 4;

/** The groups of 16 bits of an IPv6 address, without leading zeros. */
const groupsOf = (address: string): string[] => {
  const [head = '', tail] = address.split('::');
  const groups = (text: string | undefined): string[] => (text ? text.split(':') : []);
  const missing = Math.max(8 - groups(head).length - groups(tail).length, 0);
  return [...groups(head), ...Array.from({ length: missing }, () => '0'), ...groups(tail)].map((group) =>
    group.replace(/^0+(?=.)/, '').toLowerCase(),
  );
};

/**
 * The address in `ADDRESS:PORT`, as Node writes it, without brackets. An IPv4 address that is written as an
 * IPv6 one is that IPv4 address; a zone is left out. `unknown` for everything else.
 */
export const addressOf = (peer: string | undefined): string => {
  const [address = ''] = (peer ?? '').replace(/:\d+$/, '').split('%');
  const ipv4 = MAPPED_IPV4.exec(address)?.[1] ?? address;
  if (isIPv4(ipv4)) return ipv4;
  return isIPv6(address) ? address.toLowerCase() : 'unknown';
};

/** The /64 of an IPv6 address, as one host has all of it; everything else as it is. */
export const networkOf = (address: string): string =>
  isIPv6(address) ? `${groupsOf(address).slice(0, NETWORK_GROUPS).join(':')}::/64` : address;

/** What counts as one address: an IPv4 address, or the /64 of an IPv6 address. `addressOf` takes `peer`. */
export const addressGroup = (peer: string | undefined): string => networkOf(addressOf(peer));
