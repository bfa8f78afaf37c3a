import { z } from 'zod';
import { complaintAboutId, complaintAboutStoredId } from '../text/upstream-id.ts';

const idSchema = (complain: (id: string) => string | undefined) =>
  z.string().superRefine((id, ctx) => {
    const complaint = complain(id);
    if (complaint) ctx.addIssue({ code: 'custom', message: complaint });
  });

/**
 * An upstream id from outside: a request, a file, a record of Invent. It is opaque text. The schema rejects
 * only what cannot be transported safely or looks like another id: empty, over 256 bytes of UTF-8, not
 * well-formed, control characters, characters or names with a meaning in a path, white space, invisible
 * characters.
 */
const upstreamId = idSchema(complaintAboutId);

/** `org_…`, or `c`. */
export const OrgId = upstreamId;
/**
 * Invent's alias for the org in which an API key was made. Rekey translates it as soon as it knows the org.
 */
export const ORG_ALIAS = 'c';
/** `ast_…`; globally unique, so a claim needs no org. */
export const AssistantId = upstreamId;

/**
 * An org or assistant id in the ledger and its jobs. An id that is no longer accepted stays readable, but no
 * request to Invent uses it.
 */
export const StoredId = idSchema(complaintAboutStoredId);

/** The id of a rotation: `rot_` and a ULID, so that ids sort by creation time. */
export const RotationId = z
  .string()
  .regex(/^rot_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be a rotation id: rot_ and 26 characters');

/** The id of a sweep: `swp_` and a ULID. */
export const SweepId = z
  .string()
  .regex(/^swp_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be a sweep id: swp_ and 26 characters');

/** The id of a bulk rotation: `blk_` and a ULID. */
export const BulkId = z
  .string()
  .regex(/^blk_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be a bulk rotation id: blk_ and 26 characters');

/** The id of a rotation policy: `pol_` and a ULID. */
export const PolicyId = z
  .string()
  .regex(/^pol_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be a policy id: pol_ and 26 characters');

/**
 * All bits 0 or all bits 1 (RFC 9562): a client that does not set its request id sends one of these. Two
 * requests with it would count as the same request.
 */
const unsetUuid = /^[0-]+$|^[f-]+$/;

/** AIP-155: a UUID that makes a request safe to repeat. Any version except nil and max; lower case. */
export const RequestId = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, { error: 'must be a UUID', abort: true })
  .toLowerCase()
  .refine((id) => !unsetUuid.test(id), 'must not be the nil or max UUID: generate one for each request');
