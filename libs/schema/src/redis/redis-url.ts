const DATABASE = /^(\/(\d{1,9})?)?$/;
const FAMILIES = new Set(['0', '4', '6']);

const isPercentEncoded = (text: string): boolean => {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
};

/**
 * Whether a Redis URL names a database by number, or no database. From any other name, ioredis takes the
 * leading digits, or database 0.
 */
export const namesDatabase = (url: URL): boolean => DATABASE.test(url.pathname);

/**
 * What is wrong with a Redis URL, or undefined. Parameters are restricted because ioredis takes any of them
 * as one of its own options. The text never quotes the URL.
 */
export const complaintAboutRedisUrl = (text: string): string | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['redis:', 'rediss:'].includes(url.protocol)) return 'must be a redis:// or rediss:// URL';
  if (url.hostname === '') return 'must name a host, such as redis://127.0.0.1:6379';
  if (!namesDatabase(url)) return 'must end with the number of a database, such as /0, or without a path';
  if (url.hash !== '') return 'must not contain #; in a password, write # as %23';
  for (const [name, value] of url.searchParams)
    if (name !== 'family' || !FAMILIES.has(value))
      return 'must have no parameter except family=4 or family=6; in a password, write ? as %3F';
  if (!isPercentEncoded(url.username) || !isPercentEncoded(url.password))
    return 'has a % in its user or password that is not percent-encoding; write % as %25';
  return undefined;
};
