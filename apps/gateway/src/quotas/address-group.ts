import { isIPv6 } from 'node:net';

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
 * What counts as one address: an IPv4 address, or the /64 of an IPv6 address, as one host has all of it.
 * `peer` is `ADDRESS:PORT` as Node writes it, without brackets; `unknown` for everything else.
 */
export const addressGroup = (peer: string | undefined): string => {
  const [address = ''] = (peer ?? '').replace(/:\d+$/, '').split('%');
  const ipv4 = MAPPED_IPV4.exec(address)?.[1] ?? (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(address) ? address : '');
  if (ipv4) return ipv4;
  return isIPv6(address) ? `${groupsOf(address).slice(0, NETWORK_GROUPS).join(':')}::/64` : 'unknown';
};
