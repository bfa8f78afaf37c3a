import { z } from 'zod';

export const MAX_ID_BYTES = 256;

/**
 * Characters that mean something in a URL path: a proxy that decodes `%2F` could send the POST to another
 * assistant.
 */
const pathCharacter = /[/\\%?#]/u;
/** Control characters and line separators: they would break a log line or a terminal. */
const controlCharacter = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/**
 * White space of any kind, and characters that show nothing: format characters (zero-width, bidi), fillers
 * and variation selectors. Pasted along with an id, they make another id that looks the same. U+2800 is a
 * pattern of Braille without a dot.
 */
const invisibleCharacter = /[\p{White_Space}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u;

const idSchema = (complain: (id: string) => string | undefined) =>
  z.string().superRefine((id, ctx) => {
    const complaint = complain(id);
    if (complaint) ctx.addIssue({ code: 'custom', message: complaint });
  });

/** What nearly all ids are: nothing of the below can be wrong with it. */
const plainId = new RegExp(`^[\\w-]{1,${MAX_ID_BYTES}}$`);

/**
 * Returns what is wrong with an upstream id, or undefined if it is valid. Long lists call it directly: a
 * schema for each id would take seconds.
 */
export const complaintAboutId = (id: string): string | undefined => {
  if (plainId.test(id)) return undefined;
  return (
    complaintAboutStoredId(id) ??
    (invisibleCharacter.test(id) ? 'must not contain white space or invisible characters' : undefined)
  );
};

/** The rule for ids that an earlier version has accepted: it let white space pass. */
const complaintAboutStoredId = (id: string): string | undefined => {
  if (plainId.test(id)) return undefined;
  if (id === '') return 'must not be empty';
  if (!id.isWellFormed()) return 'must be well-formed Unicode';
  if (Buffer.byteLength(id) > MAX_ID_BYTES) return `must be at most ${MAX_ID_BYTES} bytes`;
  if (controlCharacter.test(id)) return 'must not contain control characters';
  if (id === '.' || id === '..') return 'must not be a dot segment';
  if (pathCharacter.test(id)) return 'must not contain any of / \\ % ? #';
  return undefined;
};

/**
 * An upstream id at a border: a request, a file, a record of Invent's. It is opaque text. Refused is only
 * what could not travel safely, or could not be told from another id by eye: empty, over 256 bytes of UTF-8,
 * not well-formed, control characters, characters or names with a meaning in a path, white space and
 * invisible characters.
 */
const upstreamId = idSchema(complaintAboutId);

/** `org_…`, or `c`, Invent's alias for the org that the API key was made in. */
export const OrgId = upstreamId;
/**
 * Invent's alias for the org that an API key was made in. Rekey translates it once it knows which org that
 * is.
 */
export const ORG_ALIAS = 'c';
/** `ast_…`; globally unique, so a claim needs no org. */
export const AssistantId = upstreamId;

/**
 * An org or assistant id as the ledger and its jobs hold it. One that would be refused today stays readable;
 * no request with it leaves for Invent.
 */
export const StoredId = idSchema(complaintAboutStoredId);

/** Rekey's own id of a rotation: `rot_` and a ULID, so that ids sort by the time they were made. */
export const RotationId = z
  .string()
  .regex(/^rot_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be a rotation id: rot_ and 26 characters');

/** The same of a sweep: `swp_` and a ULID. */
export const SweepId = z
  .string()
  .regex(/^swp_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be a sweep id: swp_ and 26 characters');

/** The same of a bulk rotation: `blk_` and a ULID. */
export const BulkId = z
  .string()
  .regex(/^blk_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be a bulk rotation id: blk_ and 26 characters');

/** The same of a rotation policy: `pol_` and a ULID. */
export const PolicyId = z
  .string()
  .regex(/^pol_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be a policy id: pol_ and 26 characters');

/**
 * What a client sends that has not set its request id: all bits 0, or all bits 1 (RFC 9562). Two requests
 * with it would be taken for the same one.
 */
const unsetUuid = /^[0-]+$|^[f-]+$/;

/**
 * AIP-155: a UUID that makes a request safe to repeat. Any version but nil and max. Compared in lower case.
 */
export const RequestId = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, { error: 'must be a UUID', abort: true })
  .toLowerCase()
  .refine((id) => !unsetUuid.test(id), 'must not be the nil or max UUID: generate one for each request');
