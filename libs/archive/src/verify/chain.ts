import { isDeepStrictEqual } from 'node:util';
import type { ArchiveFolder } from '../files/folder.ts';
import { readDigest, sha256, type ArchiveVerifier, type Digest } from '../format/digest.ts';
import { digestName, segmentName, type ArchiveNames } from '../format/names.ts';
import { START } from '../format/position.ts';
import type { Break, BreakKind } from './breaks.ts';

/** A link of the chain. */
export interface ChainLink {
  number: number;
  /** Undefined if it cannot be believed: `breaks` says why. */
  digest: Digest | undefined;
  /** Of the digest file; undefined if it is missing. */
  sha256: string | undefined;
  breaks: Break[];
}

const start = { epoch: 1, position: START };
const whyNot: Record<'malformed' | 'unknown-key' | 'wrong-signature', [BreakKind, string]> = {
  malformed: ['digest-changed', 'was changed: it does not have the form of a digest'],
  'wrong-signature': ['digest-changed', 'was changed: its signature is wrong'],
  'unknown-key': ['unknown-key', 'is signed with another key than the one that was given'],
};

/** Follows the digests of an archive in order. */
export class Chain {
  readonly #folder: ArchiveFolder;
  readonly #verifiers: readonly ArchiveVerifier[];
  #before: ChainLink | undefined;
  #archive: string | undefined;
  readonly #first: number;

  constructor(folder: ArchiveFolder, verifiers: readonly ArchiveVerifier[], first: number) {
    this.#folder = folder;
    this.#verifiers = verifiers;
    this.#first = first;
  }

  /** The id of the archive, once a digest was read. */
  get archive(): string | undefined {
    return this.#archive;
  }

  async read(number: number): Promise<ChainLink> {
    const file = digestName(number);
    const link: ChainLink = { number, digest: undefined, sha256: undefined, breaks: [] };
    const add = (kind: BreakKind, message: string) =>
      void link.breaks.push({ kind, file, message: `${file} ${message}` });
    const text = await this.#folder.readDigest(file);
    if (text === undefined) add('digest-missing', 'is missing');
    else {
      link.sha256 = sha256(Buffer.from(text, 'latin1'));
      const read = readDigest(text, this.#verifiers);
      if ('why' in read) add(...whyNot[read.why]);
      else this.#check(read.digest, link, add);
    }
    this.#before = link;
    return link;
  }

  #check(digest: Digest, link: ChainLink, add: (kind: BreakKind, message: string) => void): void {
    const { number } = link;
    if (this.#archive !== undefined && digest.archive !== this.#archive)
      return add('two-archives', 'belongs to another archive than the digests before it');
    this.#archive = digest.archive;
    if (digest.number !== number)
      return add('segments-reordered', `is the digest of segment ${digest.number}`);
    if (digest.segment !== segmentName(number)) return add('inconsistent', 'names another segment');
    const before = this.#before;
    link.digest = digest;
    if (number === this.#first && number !== 1) return;
    // What precedes is missing, or was changed: that is reported of it.
    if (before && !before.digest) return;
    if (digest.previous !== (before?.sha256 ?? null))
      add('segment-inserted', 'does not follow the digest before it: one of them is of another chain');
    else if (!this.#continues(digest, before?.digest))
      add('inconsistent', 'does not continue where that ends');
  }

  #continues({ streams, ...digest }: Digest, before: Digest | undefined): boolean {
    const { events, activity } = before?.streams ?? { events: undefined, activity: undefined };
    // The ledger of the segment may have changed within it, and so is checked with its lines.
    return (
      isDeepStrictEqual(streams.events.before, events?.after ?? start) &&
      isDeepStrictEqual(streams.activity.before, activity?.after ?? start) &&
      (before === undefined || digest.prefix === before.prefix)
    );
  }
}

/** The numbers that must have a segment and a digest, and whether the last segment awaits its digest. */
export const chainNumbers = (
  { segments, digests }: ArchiveNames,
  first: number,
): { last: number; unsigned: number | undefined } => {
  // Both are ascending, and may be too many for arguments of a call.
  const last = digests.at(-1) ?? 0;
  const beyond = segments.filter((number) => number > Math.max(last, first - 1));
  // Its writer has ended between the two steps of closing: the next one signs it.
  const isLastUnsigned = beyond.length === 1 && beyond[0] === last + 1;
  if (isLastUnsigned) return { last, unsigned: beyond[0] };
  return { last: Math.max(last, beyond.at(-1) ?? 0), unsigned: undefined };
};
