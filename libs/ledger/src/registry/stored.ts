import { createHash } from 'node:crypto';
import { ReplyTooLarge } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import { isWrongType } from '../scripts/run.ts';
import { registryCommands } from './commands.generated.ts';
import { HEAD_BYTES, MAX_MANIFEST_BYTES, type Unusable } from './manifest.ts';

/** What a look reads first: short, whatever another client has stored. */
export interface StoredHead {
  /** Bytes of the manifest; undefined if there is none, -1 if it is no string. */
  length: number | undefined;
  head: string;
  /** The revision that records are sealed at, and the one up to which all are; compared as text. */
  recipients: string;
  resealed: string;
  /** The ledger's id and its note of the org that `c` stands for: unproved. */
  ledgerId: string | undefined;
  alias: string | undefined;
}

/** `seen`: what a write names to replace it. */
type StoredManifest = { seen: string } & ({ bytes: Buffer } | { unusable: Unusable });

/** The registry as it is in Redis: nothing of it is believed yet. */
export interface Stored {
  head(): Promise<StoredHead>;
  manifest(head: StoredHead): Promise<StoredManifest>;
  /** The SHA-1 of each of these entries, as registry-entries.lua says it, and how many entries there are. */
  digests(names: readonly string[]): Promise<{ count: number; sha1: Map<string, string> }>;
  /** The bytes of these entries. */
  entries(names: readonly string[]): Promise<Map<string, Buffer>>;
  /** Notes in the ledger what was repaired, for the status of other processes: after the note as it is. */
  noteRepaired(noteAfter: (before: string | undefined) => string): Promise<void>;
  /** Names of entries that are not among these, cut to 63 bytes. */
  unlisted(names: readonly string[], most: number): Promise<string[]>;
}

/** How many entries are read at once: each may be 512 KiB long. */
const READ_AT_ONCE = 20;
const NONE = 'none';
/** Longer than any note of what was repaired. */
const MAX_NOTE_BYTES = 65_536;

export const sha1Of = (bytes: string | Uint8Array): string => createHash('sha1').update(bytes).digest('hex');

export const openStored = ({ redis, keys, run }: Connection): Stored => {
  const commands = registryCommands(run);
  return {
    head: async () => {
      const {
        kind: _,
        id,
        ...head
      } = await commands.registryHead({
        registry: keys.registry,
        ledger: keys.ledger,
        bytes: HEAD_BYTES,
      });
      return { ...head, ledgerId: id };
    },

    manifest: async ({ length }) => {
      if (length === undefined) return { seen: NONE, unusable: 'absent' };
      if (length < 0) return { seen: NONE, unusable: 'wrong-type' };
      if (length > MAX_MANIFEST_BYTES) return { seen: NONE, unusable: 'too-long' };
      const bytes = await redis.getrangeBuffer(keys.registry, 0, MAX_MANIFEST_BYTES - 1);
      return { seen: bytes.length === 0 ? NONE : sha1Of(bytes), bytes };
    },

    digests: async (names) => {
      const { count, digests } = await commands.registryEntries({
        consumers: keys.consumers,
        records: names.map((name) => ({ name })),
      });
      return { count, sha1: new Map(names.map((name, i) => [name, digests[i]!])) };
    },

    entries: async (names) => {
      const found = new Map<string, Buffer>();
      for (let at = 0; at < names.length; at += READ_AT_ONCE) {
        const some = names.slice(at, at + READ_AT_ONCE);
        // A longer text may have been put there in this moment.
        const texts = await redis.hmgetBuffer(keys.consumers, ...some).catch((error: unknown) => {
          if (error instanceof ReplyTooLarge || isWrongType(error)) return [];
          throw error;
        });
        for (const [i, bytes] of texts.entries()) if (bytes) found.set(some[i]!, bytes);
      }
      return found;
    },

    noteRepaired: async (noteAfter) => {
      const field = 'registry_repaired';
      const isNote = (await redis.hstrlen(keys.ledger, field)) <= MAX_NOTE_BYTES;
      const before = isNote ? await redis.hget(keys.ledger, field) : null;
      await redis.hset(keys.ledger, field, noteAfter(before ?? undefined));
    },

    unlisted: async (names, most) =>
      (
        await commands.registryUnlisted({
          consumers: keys.consumers,
          most,
          records: names.map((name) => ({ name })),
        })
      ).names,
  };
};
