/** Longer than any path, address or key. */
const MAX_VARIABLE_CHARACTERS = 4096;
/** Lists of hosts, and the proxies beside them: what a platform sets may name hundreds. */
const MAX_LIST_CHARACTERS = 65_536;
const LISTS: ReadonlySet<string> = new Set([
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'no_proxy',
  'invent_plain_http_hosts',
]);

/**
 * A variable of the environment: white space around it does not count, and one without anything else is as
 * good as not set.
 */
export const valueOfVariable = (text: string | undefined): string | undefined => text?.trim() || undefined;

/**
 * What is wrong with the value of a variable, whatever it means; undefined if nothing is. Does not quote it.
 */
export const complaintAboutVariable = (name: string, value: string): string | undefined => {
  const maxCharacters = LISTS.has(name.toLowerCase()) ? MAX_LIST_CHARACTERS : MAX_VARIABLE_CHARACTERS;
  if (value.length > maxCharacters) return `must be at most ${maxCharacters} characters long`;
  // Node has it for bytes that are no UTF-8.
  if (value.includes('\ufffd')) return 'must be UTF-8 text';
  if (/\p{Cc}/u.test(value)) return 'must not contain control characters';
  return undefined;
};

const HOST_PORT = /^(\[[0-9a-fA-F:.]+\]|[^:\s[\]/@]+):(\d{1,5})$/;
const HIGHEST_PORT = 65_535;

/**
 * What is wrong with an address, which is `HOST:PORT` with the host of IPv6 in brackets; undefined if nothing
 * is. Does not quote it.
 */
export const complaintAboutAddress = (address: string): string | undefined => {
  const match = HOST_PORT.exec(address);
  if (match && Number(match[2]) <= HIGHEST_PORT) return undefined;
  if (match) return `must be HOST:PORT with a port from 0 to ${HIGHEST_PORT}`;
  const scheme = /^([a-z][a-z0-9+.-]*:\/\/)/i.exec(address)?.[1];
  return `must be HOST:PORT, such as 127.0.0.1:50051 or [::1]:50051${scheme ? ', and not a URL: leave out what comes before the host and after the port' : ''}`;
};
