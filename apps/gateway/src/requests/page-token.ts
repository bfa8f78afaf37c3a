import { createHash } from 'node:crypto';
import { RekeyError } from '@rekey/schema';
import type { z } from 'zod';

/*
 * A page token holds the place where the previous page ended, such as its last id, and a digest of the
 * filter: AIP-158 requires that a token with another filter is refused. A token is not secret and proves
 * nothing: a forged one shows only what its caller may list anyway.
 */

const digest = (filter: object): string =>
  createHash('sha256').update(JSON.stringify(filter)).digest('base64url').slice(0, 8);

/** The random part of a ULID, after its time. */
const RANDOM_CHARACTERS = 16;

/**
 * The place of a page of ids, newest first, that may have ended at one that its caller does not see: the last
 * one shown, or the beginning of the millisecond of the last one read. The next page then reads a few again.
 */
export const placeOfPage = (
  next: string | undefined,
  shown: readonly { id: string }[],
  after: string | undefined,
): string | undefined => {
  if (next === undefined || shown.at(-1)?.id === next) return next;
  const places = [`${next.slice(0, -RANDOM_CHARACTERS)}${'Z'.repeat(RANDOM_CHARACTERS)}`];
  const last = shown.at(-1);
  if (last !== undefined) places.push(last.id);
  const place = places.toSorted()[0]!;
  // All that were read are of one millisecond: to begin there again would never end.
  return after !== undefined && place >= after ? next : place;
};

/** The token of the next page. Empty if `place` is undefined: there is no next page. */
export const makePageToken = (place: string | number | undefined, filter: object): string =>
  place === undefined ? '' : Buffer.from(`${digest(filter)} ${place}`).toString('base64url');

/** The place in a token, parsed by the schema; undefined for the first page, whose token is empty. */
export const readPageToken = <T extends z.ZodType<unknown, string>>(
  token: string,
  filter: object,
  place: T,
): z.output<T> | undefined => {
  if (token === '') return undefined;
  const [of, text, ...more] = Buffer.from(token, 'base64url').toString().split(' ');
  const parsed = place.safeParse(text);
  if (of !== digest(filter) || !parsed.success || more.length > 0) {
    throw new RekeyError('INVALID_ARGUMENT', {
      fieldViolations: [
        { field: 'page_token', description: 'is not the next_page_token of a page with these filters' },
      ],
    });
  }
  return parsed.data;
};
