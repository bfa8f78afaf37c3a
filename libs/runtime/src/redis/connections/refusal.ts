import { StartError } from '../../process/start-error.ts';
import { replyCode } from '../redis-errors.ts';

/** The host and port of a URL, without its user and password. */
export const addressOf = (url: string): string => {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || 6379}`;
};

const credentials: Record<string, string> = {
  NOAUTH:
    'requires a password (NOAUTH), and the URL has none: ' +
    'use redis://USER:PASSWORD@HOST:PORT or redis://:PASSWORD@HOST:PORT.',
  WRONGPASS: 'rejects the user or password of the URL (WRONGPASS).',
};

/** What an error during the handshake says about the URL; undefined if it is a network error. */
export const refusalOf = (error: Error, url: string): StartError | undefined => {
  if (error.name !== 'ReplyError') return undefined;
  const refused = (code: string, message: string) =>
    new StartError(code, `REDIS_URL: ${addressOf(url)} ${message}`);
  const rejected = credentials[replyCode(error)];
  if (rejected !== undefined) return refused('REDIS_REFUSED', rejected);
  const { name } = (error as { command?: { name?: string } }).command ?? {};
  if (name !== 'select') return undefined;
  const database = new URL(url).pathname.slice(1);
  return refused(
    'REDIS_DATABASE',
    `has no database ${database}: use the number of an existing one, or raise its "databases" setting.`,
  );
};
