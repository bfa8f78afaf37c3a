import { createHash } from 'node:crypto';
import { RekeyError, RotationId } from '@rekey/schema';

/*
 * A page token holds the last id of the page before, and a digest of the filter: AIP-158 wants a token that is used with
 * another filter refused. It is no secret and proves nothing; a forged one shows only rotations that could be listed anyway.
 */

const digest = (filter: object): string => createHash('sha256').update(JSON.stringify(filter)).digest('base64url').slice(0, 8);

export const makePageToken = (after: string, filter: object): string => Buffer.from(`${digest(filter)} ${after}`).toString('base64url');

export const readPageToken = (token: string, filter: object): string | undefined => {
  if (token === '') return undefined;
  const [of, after, ...more] = Buffer.from(token, 'base64url').toString().split(' ');
  if (of !== digest(filter) || !RotationId.safeParse(after).success || more.length > 0) {
    throw new RekeyError('INVALID_ARGUMENT', { fieldViolations: [{ field: 'page_token', description: 'is not the next_page_token of a page with these filters' }] });
  }
  return after;
};
