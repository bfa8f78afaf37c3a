/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import type { Actor } from '@rekey/schema';
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface RegistryEntriesInput {
  consumers: string;
  records: {
    name: string;
  }[];
}
type RegistryEntriesReply =
  /** how many entries there are, and of each named one the SHA-1 of its text, '' if there is none, `long` if it is longer than any that Rekey writes */
  { kind: 'found'; count: number; digests: string[] };
const readRegistryEntriesReply = (reply: unknown[]): RegistryEntriesReply => {
  switch (reply[0]) {
    case 'FOUND':
      return { kind: 'found', count: Number(reply[1]), digests: reply.slice(2).map(String) };
    default:
      throw unexpectedReply('registry-entries', reply);
  }
};

interface RegistryHeadInput {
  /** the manifest */
  registry: string;
  /** the ledger's own facts */
  ledger: string;
  /** how many of the manifest */
  bytes: number;
}
type RegistryHeadReply =
  /** `length`: absent if there is no manifest, -1 if it is no string. `id`: of the ledger */
  {
    kind: 'head';
    length: number | undefined;
    head: string;
    recipients: string;
    resealed: string;
    id: string | undefined;
    alias: string | undefined;
  };
const readRegistryHeadReply = (reply: unknown[]): RegistryHeadReply => {
  switch (reply[0]) {
    case 'HEAD':
      return {
        kind: 'head',
        length: reply[1] === '' ? undefined : Number(reply[1]),
        head: String(reply[2]),
        recipients: String(reply[3]),
        resealed: String(reply[4]),
        id: reply[5] === '' ? undefined : String(reply[5]),
        alias: reply[6] === '' ? undefined : String(reply[6]),
      };
    default:
      throw unexpectedReply('registry-head', reply);
  }
};

interface RegistryUnlistedInput {
  consumers: string;
  /** how many are named */
  most: number;
  records: {
    name: string;
  }[];
}
type RegistryUnlistedReply = { kind: 'found'; names: string[] };
const readRegistryUnlistedReply = (reply: unknown[]): RegistryUnlistedReply => {
  switch (reply[0]) {
    case 'FOUND':
      return { kind: 'found', names: reply.slice(1).map(String) };
    default:
      throw unexpectedReply('registry-unlisted', reply);
  }
};

interface RegistryWriteInput {
  consumers: string;
  /** the manifest */
  registry: string;
  /** the ledger's own facts */
  ledger: string;
  /** the SHA-1 of the manifest as it was seen; `none` if there was none that can be read */
  seen: string;
  manifest: string;
  /** records are sealed for other recipients from now on */
  reseals: boolean;
  /** the event before its numbers `seq` and `run`; absent for no event */
  head?: string | undefined;
  /** the event after them */
  tail?: string | undefined;
  /** the length of the stream */
  keep: number;
  /** what the change is; `other`: it has no record of activity */
  what:
    'added' | 'orgs-set' | 'removed' | 'granted' | 'trusted' | 'token-created' | 'token-revoked' | 'other';
  /** of the record of activity, as the three that follow */
  target?: string | undefined;
  org?: string | undefined;
  before?: string | undefined;
  after?: string | undefined;
  /** Who acts. */
  actor: Actor;
  records: {
    name: string;
    /** absent to remove it */
    text?: string | undefined;
  }[];
}
type RegistryWriteReply =
  | { kind: 'written' }
  /** the manifest is not as it was seen: nothing was written */
  | { kind: 'changed' };
const readRegistryWriteReply = (reply: unknown[]): RegistryWriteReply => {
  switch (reply[0]) {
    case 'WRITTEN':
      return { kind: 'written' };
    case 'CHANGED':
      return { kind: 'changed' };
    default:
      throw unexpectedReply('registry-write', reply);
  }
};

/**
 * The commands of registry/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const registryCommands = (run: RunCommand) => ({
  /**
   * Finds which entries of consumers differ from what a process has read, without sending them.
   */
  registryEntries: async (input: RegistryEntriesInput): Promise<RegistryEntriesReply> =>
    readRegistryEntriesReply(
      await run(
        'registry-entries',
        [input.consumers],
        input.records.flatMap((one) => [one.name]),
      ),
    ),
  /**
   * Reads the beginning of the registry's manifest, and which recipients records are sealed for, at one moment.
   * Whatever another client has stored there, the reply is short.
   */
  registryHead: async (input: RegistryHeadInput): Promise<RegistryHeadReply> =>
    readRegistryHeadReply(await run('registry-head', [input.registry, input.ledger], [input.bytes])),
  /**
   * Names entries of consumers that are not among the given ones: the first ones, cut to 63 bytes. Of very
   * many entries it looks at some at random.
   */
  registryUnlisted: async (input: RegistryUnlistedInput): Promise<RegistryUnlistedReply> =>
    readRegistryUnlistedReply(
      await run(
        'registry-unlisted',
        [input.consumers],
        [input.most, ...input.records.flatMap((one) => [one.name])],
      ),
    ),
  /**
   * Replaces the registry's manifest and the entries that changed, if the manifest still is as the caller has
   * seen it. Runs also while Redis is out of memory: to remove a consumer must be possible then.
   *
   * Keeps: manifest and entries change together; no write overwrites another; an event that was sealed for
   * other recipients is refused from now on; every process that listens gets the manifest in the same step, so
   * that nobody who writes to Redis can put the old one back before it was read.
   */
  registryWrite: async (input: RegistryWriteInput): Promise<RegistryWriteReply> =>
    readRegistryWriteReply(
      await run(
        'registry-write',
        [input.consumers, input.registry, input.ledger],
        [
          input.seen,
          input.manifest,
          input.reseals ? '1' : '',
          input.head ?? '',
          input.tail ?? '',
          input.keep,
          input.what,
          input.target ?? '',
          input.org ?? '',
          input.before ?? '',
          input.after ?? '',
          input.actor.by,
          input.actor.also ?? '',
          input.actor.request ?? '',
          input.actor.trace ?? '',
          ...input.records.flatMap((one) => [one.name, one.text ?? '']),
        ],
      ),
    ),
});
