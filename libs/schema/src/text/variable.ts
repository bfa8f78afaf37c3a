/** Longer than any path, address or key. */
const MAX_VARIABLE_CHARACTERS = 4096;
/** Lists of hosts and proxies: a platform may set hundreds of them. */
const MAX_LIST_CHARACTERS = 65_536;
const LISTS: ReadonlySet<string> = new Set([
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'no_proxy',
  'invent_plain_http_hosts',
]);

/** The value of an environment variable without surrounding white space; undefined if nothing is left. */
export const valueOfVariable = (text: string | undefined): string | undefined => text?.trim() || undefined;

/** What is wrong with the value of any variable, or undefined. The text does not quote it. */
export const complaintAboutVariable = (name: string, value: string): string | undefined => {
  const maxCharacters = LISTS.has(name.toLowerCase()) ? MAX_LIST_CHARACTERS : MAX_VARIABLE_CHARACTERS;
  if (value.length > maxCharacters) return `must be at most ${maxCharacters} characters long`;
  // Node puts it in place of bytes that are not UTF-8.
  if (value.includes('\ufffd')) return 'must be UTF-8 text';
  if (/\p{Cc}/u.test(value)) return 'must not contain control characters';
  return undefined;
};

const HOST_PORT = /^(\[[0-9a-fA-F:.]+\]|[^:\s[\]/@]+):(\d{1,5})$/;
const HIGHEST_PORT = 65_535;

/**
 * What is wrong with an address `HOST:PORT`, an IPv6 host in brackets; undefined if nothing is. The text does
 * not quote it.
 */
export const complaintAboutAddress = (address: string): string | undefined => {
  const match = HOST_PORT.exec(address);
  if (match && Number(match[2]) <= HIGHEST_PORT) return undefined;
  if (match) return `must be HOST:PORT with a port from 0 to ${HIGHEST_PORT}`;
  const scheme = /^([a-z][a-z0-9+.-]*:\/\/)/i.exec(address)?.[1];
  const notUrl = scheme ? ', not a URL: remove everything before the host and after the port' : '';
  return `must be HOST:PORT, such as 127.0.0.1:50051 or [::1]:50051${notUrl}`;
};
