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
 * Whether a URL of a Redis names a database by its number, or none: of one that is not a number, ioredis
 * takes what it can read as one, or database 0.
 */
export const namesDatabase = (url: URL): boolean => DATABASE.test(url.pathname);

/**
 * What is wrong with the URL of a Redis, or undefined. ioredis takes any query parameter as one of its own
 * options: what the URL says would not be what is done. No complaint quotes the URL.
 */
export const complaintAboutRedisUrl = (text: string): string | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['redis:', 'rediss:'].includes(url.protocol)) return 'must be a redis:// or rediss:// URL';
  if (url.hostname === '') return 'must name a host, such as redis://127.0.0.1:6379';
  if (!namesDatabase(url)) return 'must end with the number of a database, such as /0, or with none';
  if (url.hash !== '') return 'must not have a #; in a password, write %23';
  for (const [name, value] of url.searchParams)
    if (name !== 'family' || !FAMILIES.has(value))
      return 'may have no parameter but family=4 or family=6; in a password, write %3F for a question mark';
  if (!isPercentEncoded(url.username) || !isPercentEncoded(url.password))
    return 'has a % in its user or password that begins no percent-encoding; write %25';
  return undefined;
};
