import { z } from 'zod';

export const MAX_ID_BYTES = 256;

/** Characters that mean something in a URL path: a proxy that decodes `%2F` could send the POST to another assistant. */
const pathCharacter = /[/\\%?#]/u;
/** Control characters and line separators: they would break a log line or a terminal. */
const controlCharacter = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/**
 * An id of Invent's. Opaque text as far as Rekey is concerned; refused is only what could not travel safely:
 * empty, over 256 bytes of UTF-8, not well-formed, control characters, and characters or names with a meaning in a path.
 */
const upstreamId = z.string().superRefine((id, ctx) => {
  const complaint = complaintAboutId(id);
  if (complaint) ctx.addIssue({ code: 'custom', message: complaint });
});

/** What nearly all ids are: nothing of the below can be wrong with it. */
const plainId = new RegExp(`^[\\w-]{1,${MAX_ID_BYTES}}$`);

/** What is wrong with an id of Invent's; undefined where nothing is. For long lists, where a schema for each would take seconds. */
export const complaintAboutId = (id: string): string | undefined => {
  if (plainId.test(id)) return undefined;
  if (id === '') return 'must not be empty';
  if (!id.isWellFormed()) return 'must be well-formed Unicode';
  if (Buffer.byteLength(id) > MAX_ID_BYTES) return `must be at most ${MAX_ID_BYTES} bytes`;
  if (controlCharacter.test(id)) return 'must not contain control characters';
  if (id === '.' || id === '..') return 'must not be a dot segment';
  if (pathCharacter.test(id)) return 'must not contain any of / \\ % ? #';
  return undefined;
};

/** `org_…`, or `c`, Invent's alias for the org that the API key was made in. */
export const OrgId = upstreamId;
/** Invent's alias for the org that an API key was made in. Rekey translates it once it knows which org that is. */
export const ORG_ALIAS = 'c';
/** `ast_…`; globally unique, so a claim needs no org. */
export const AssistantId = upstreamId;

/** Rekey's own id of a rotation: `rot_` and a ULID, so that ids sort by the time they were made. */
export const RotationId = z.string().regex(/^rot_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be a rotation id: rot_ and 26 characters');

/** The same of a sweep: `swp_` and a ULID. */
export const SweepId = z.string().regex(/^swp_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be a sweep id: swp_ and 26 characters');

/** The same of a bulk rotation: `blk_` and a ULID. */
export const BulkId = z.string().regex(/^blk_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be a bulk rotation id: blk_ and 26 characters');

/** The same of a rotation policy: `pol_` and a ULID. */
export const PolicyId = z.string().regex(/^pol_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be a policy id: pol_ and 26 characters');

/** AIP-155: a UUID that makes a request safe to repeat. Compared in lower case. */
export const RequestId = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'must be a UUID').toLowerCase();
