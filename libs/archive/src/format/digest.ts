import { createHash, sign, verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { Name, Sha256, StateSchema } from './line-kind.ts';
import { isPosition } from './position.ts';

/** Before the signed bytes: a signature of another kind is none of a digest. */
const DIGEST_LABEL = 'rekey archive digest 1\n';
/** Lines of a segment in one of its block hashes. */
export const LINES_A_BLOCK = 256;
const Position = z.string().refine(isPosition, 'is no position');

const StreamDigest = z.strictObject({
  /** Before the segment, and at its end. */
  before: StateSchema,
  after: StateSchema,
  /** The first and last entries of the segment; absent if it has none. */
  first: Position.optional(),
  last: Position.optional(),
  entries: z.int().nonnegative(),
});
export type StreamDigest = z.infer<typeof StreamDigest>;

/** What is signed of a closed segment. */
export const Digest = z.strictObject({
  format: z.literal(1),
  archive: Name,
  ledger: Name,
  prefix: Name,
  number: z.int().positive(),
  /** The name of the segment's file. */
  segment: Name,
  bytes: z.int().positive(),
  lines: z.int().positive(),
  sha256: Sha256,
  /** The SHA-256 of the digest file before it; null for the first segment. */
  previous: Sha256.nullable(),
  streams: z.strictObject({ events: StreamDigest, activity: StreamDigest }),
  gaps: z.int().nonnegative(),
  histories: z.int().nonnegative(),
  unreadable: z.int().nonnegative(),
  /** RFC 3339, by the clock of the worker. */
  closed_at: z.string().max(40),
  closed_by: Name,
  /** The first 96 bits of the SHA-256 of each block of lines, in base64url: 16 characters a block. */
  blocks: z.string(),
});
export type Digest = z.infer<typeof Digest>;

const Signature = z.strictObject({ kid: z.string(), signature: z.string() });

export interface ArchiveSigner {
  kid: string;
  privateKey: KeyObject;
}
export interface ArchiveVerifier {
  kid: string;
  publicKey: KeyObject;
}

export const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

/** A text of one line, and its signature in another. */
const signLines = (label: string, text: string, { kid, privateKey }: ArchiveSigner): string => {
  const signature = sign(null, Buffer.from(label + text), privateKey).toString('base64url');
  return `${text}\n${JSON.stringify({ kid, signature })}\n`;
};

/**
 * The text of what `signLines` made, if one of these keys signed it. Each byte counts: another form of the
 * same signature is refused.
 */
const verifyLines = (
  label: string,
  signed: string,
  verifiers: readonly ArchiveVerifier[],
): { text: string } | { why: 'malformed' | 'unknown-key' | 'wrong-signature' } => {
  const [text, proof, rest, ...more] = signed.split('\n');
  if (text === undefined || proof === undefined || rest !== '' || more.length > 0)
    return { why: 'malformed' };
  const parsed = parse(Signature, proof);
  if (!parsed || JSON.stringify(parsed) !== proof) return { why: 'malformed' };
  const bytes = Buffer.from(parsed.signature, 'base64url');
  if (bytes.toString('base64url') !== parsed.signature) return { why: 'malformed' };
  const known = verifiers.find(({ kid }) => kid === parsed.kid);
  if (!known) return { why: 'unknown-key' };
  return verify(null, Buffer.from(label + text), known.publicKey, bytes)
    ? { text }
    : { why: 'wrong-signature' };
};

const parse = <T>(schema: z.ZodType<T>, text: string): T | undefined => {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
};

/** The contents of a digest file. */
export const digestText = (digest: Digest, signer: ArchiveSigner): string =>
  signLines(DIGEST_LABEL, JSON.stringify(digest), signer);

type DigestResult = { digest: Digest } | { why: 'malformed' | 'unknown-key' | 'wrong-signature' };

/** Reads the contents of a digest file. */
export const readDigest = (text: string, verifiers: readonly ArchiveVerifier[]): DigestResult => {
  const verified = verifyLines(DIGEST_LABEL, text, verifiers);
  if ('why' in verified) return verified;
  const digest = parse(Digest, verified.text);
  return digest ? { digest } : { why: 'malformed' };
};
