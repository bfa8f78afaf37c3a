import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson } from '@rekey/schema';
import { z } from 'zod';
import { AgentError } from '../agent-error.ts';
import { openRegularFile, replaceFile } from './atomic-file.ts';

/** Whose files a folder holds. A folder is that of one consumer. */
export interface FolderOwner {
  consumer: string;
  prefix: string;
}

/**
 * The contents that an agent has written into a folder, by name, so that it deletes no file of anybody else.
 * A content is recorded on disk before it is written: what a killed agent has left is known to the next one.
 */
interface OwnedFiles {
  names(): string[];
  /** Whether a file of this name with this content (SHA-256) is of this agent. */
  owns(name: string, digest: string): boolean;
  /** Resolves when the contents are recorded; undefined forgets a name. */
  record(digests: ReadonlyMap<string, string | undefined>): Promise<void>;
  /** The file of the name has this content now: earlier ones are gone. */
  confirm(name: string, digest: string): void;
}

export const LIST = '.rekey-agent.jsonl';
const FORMAT = 1;
const MAX_BYTES = 256 * 1024 * 1024;
const WRITABLE_BY_OTHERS = 0o002;
/** The list is written anew before it has more lines than this, and twice as many as it needs. */
const FEW_LINES = 1000;

const Head = z.strictObject({
  rekey_agent_files: z.literal(FORMAT),
  consumer: z.string().max(256),
  prefix: z.string().max(256),
});
/** A name of the agent's own form: it stays in the folder, and is not hidden. */
const Line = z.strictObject({
  name: z.string().regex(/^[^./\0][^/\0]{0,254}$/),
  sha256: z.hash('sha256').optional(),
});

/** Reads the list of the folder. Rejects with an AgentError if it is damaged, or that of another consumer. */
export const openOwnedFiles = async (folder: string, owner: FolderOwner): Promise<OwnedFiles> => {
  const path = join(folder, LIST);
  const text = await readList(path);
  const owned = text === undefined ? new Map<string, string[]>() : ownedIn(text, path, owner);
  let isWhole = false;
  /** Each key that changes adds one. */
  let lineCount = 0;

  const rewrite = async (): Promise<void> => {
    lineCount = owned.size;
    await replaceFile(path, wholeList(owned, owner), { mode: 0o600 });
    isWhole = true;
  };
  /** If it fails, half a line may be at the end: the list is written anew. */
  const append = async (lines: string): Promise<void> => {
    isWhole = false;
    const file = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW);
    try {
      await file.appendFile(lines);
      await file.sync();
    } finally {
      await file.close();
    }
    isWhole = true;
  };
  return {
    names: () => [...owned.keys()],
    owns: (name, digest) => owned.get(name)?.includes(digest) === true,
    record: async (digests) => {
      let lines = '';
      let added = 0;
      for (const [name, digest] of digests) {
        const before = owned.get(name);
        if (digest === undefined ? before === undefined : before?.includes(digest)) continue;
        if (digest === undefined) owned.delete(name);
        else owned.set(name, [...(before ?? []), digest]);
        lines += lineOf(name, digest);
        added += 1;
      }
      lineCount += added;
      if (!isWhole || lineCount > Math.max(FEW_LINES, 2 * owned.size)) await rewrite();
      else if (lines !== '') await append(lines).catch(rewrite);
    },
    confirm: (name, digest) => {
      if (owned.get(name)?.length !== 1) owned.set(name, [digest]);
    },
  };
};

const lineOf = (name: string, sha256: string | undefined): string => `${JSON.stringify({ name, sha256 })}\n`;

function* wholeList(owned: ReadonlyMap<string, string[]>, { consumer, prefix }: FolderOwner) {
  yield `${JSON.stringify({ rekey_agent_files: FORMAT, consumer, prefix })}\n`;
  for (const [name, digests] of owned) for (const digest of digests) yield lineOf(name, digest);
}

/** Undefined if there is none. Whoever may write to the folder could put one of their own there. */
const readList = async (path: string): Promise<string | undefined> => {
  try {
    const file = await openRegularFile(path);
    try {
      const { uid, mode, size } = await file.stat();
      const isOwn = (uid === process.geteuid!() || uid === 0) && (mode & WRITABLE_BY_OTHERS) === 0;
      if (isOwn && size <= MAX_BYTES) return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  }
  throw damaged(path);
};

const ownedIn = (text: string, path: string, owner: FolderOwner): Map<string, string[]> => {
  // What follows the last line end was not recorded: no file was written after it.
  const [first, ...lines] = text.split('\n').slice(0, -1);
  const head = Head.safeParse(parseJson(first ?? ''));
  if (!head.success) throw damaged(path);
  const { consumer, prefix } = head.data;
  if (consumer !== owner.consumer || prefix !== owner.prefix)
    throw new AgentError(
      'FOLDER_TAKEN',
      `the folder has the keys of the consumer ${JSON.stringify(consumer)} of ${JSON.stringify(prefix)}: ` +
        `give each consumer a folder of its own, or remove ${JSON.stringify(path)} and the keys beside it`,
    );
  const owned = new Map<string, string[]>();
  for (const line of lines) {
    const { data } = Line.safeParse(parseJson(line));
    if (!data) throw damaged(path);
    if (data.sha256 === undefined) owned.delete(data.name);
    else owned.set(data.name, [...(owned.get(data.name) ?? []), data.sha256]);
  }
  return owned;
};

const damaged = (path: string): AgentError =>
  new AgentError(
    'BAD_MANIFEST',
    `${JSON.stringify(path)} cannot be read or is not of this user: remove it, and the keys beside it`,
  );
