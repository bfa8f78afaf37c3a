import { createCipheriv, createDecipheriv, randomBytes, type DecipherGCM } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { parseJson } from '@rekey/schema';
import type { Keys, LocalVault } from '@rekey/subscriber';
import { z } from 'zod';
import { openRegularFile } from '../outputs/atomic-file.ts';
import { selected, type Known } from '../outputs/selection.ts';

/** Why a cache is not believed. */
type CacheRefusal =
  'ANOTHER_CONSUMER' | 'ANOTHER_KEY_FILE' | 'ANOTHER_REKEY' | 'DAMAGED' | 'UNKNOWN_FORMAT' | 'UNREADABLE';

export interface CacheContent {
  keys: Known[];
  provenAt: Date;
}

const FORMAT = 1;
const MAX_BYTES = 256 * 1024 * 1024;
const MAX_HEADER_BYTES = 8192;
const SALT_BYTES = 32;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PURPOSE = 'rekey agent cache 1';
const LINE_FEED = 0x0a;
const PIECE_BYTES = 64 * 1024;

const Header = z.strictObject({
  rekey_agent_cache: z.literal(FORMAT),
  consumer: z.string(),
  prefix: z.string(),
  kid: z.string(),
  rekey: z.array(z.string()),
  salt: z.base64url(),
});

const common = {
  assistantId: z.string(),
  orgId: z.string(),
  version: z.int().min(0),
  updatedAt: z.iso.datetime(),
  uncertain: z.boolean(),
};
const Entry = z.discriminatedUnion('state', [
  z.object({ state: z.literal('held'), ...common, secretKey: z.string(), cause: z.string().optional() }),
  z.object({ state: z.literal('removed'), ...common, removal: z.string() }),
  z.object({ state: z.literal('unreadable'), ...common, claimedVersion: z.int().min(1) }),
]);
const Summary = z.strictObject({ provenAtMs: z.int().min(0), count: z.int().min(0) });

/** Whose cache it is. */
export interface CacheOwner {
  consumer: string;
  prefix: string;
  vault: LocalVault;
}

/** Each file has a key and a nonce of its own: both follow from its salt. */
const cipherOf = (vault: LocalVault, salt: Uint8Array) => {
  const derived = vault.derive(salt, PURPOSE, KEY_BYTES + NONCE_BYTES);
  return { key: derived.subarray(0, KEY_BYTES), nonce: derived.subarray(KEY_BYTES) };
};

/** The bytes of a cache: a line that says whose it is, and the sealed rest. */
export async function* sealCache(
  { consumer, prefix, vault }: CacheOwner,
  keys: Keys,
  provenAtMs: number,
): AsyncGenerator<Buffer> {
  const salt = randomBytes(SALT_BYTES);
  const header = Buffer.from(
    `${JSON.stringify({
      rekey_agent_cache: FORMAT,
      consumer,
      prefix,
      kid: vault.kid,
      rekey: vault.rekey,
      salt: salt.toString('base64url'),
    })}\n`,
  );
  const { key, nonce } = cipherOf(vault, salt);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(header);
  yield header;
  let count = 0;
  for await (const page of selected(keys, {})) {
    count += page.length;
    yield cipher.update(page.map((known) => `${JSON.stringify(known)}\n`).join(''));
  }
  yield cipher.update(JSON.stringify({ provenAtMs, count }));
  yield cipher.final();
  yield cipher.getAuthTag();
}

/**
 * Opens a cache, or says why it is not believed. Undefined if there is none. It is read in pieces: as a whole,
 * it would take several times its size of memory. Nothing of it is used before its seal was verified.
 */
export const openCache = async (
  path: string,
  owner: CacheOwner,
): Promise<CacheContent | { refused: CacheRefusal } | undefined> => {
  let file: FileHandle | undefined;
  try {
    file = await openRegularFile(path);
    return await contentOf(file, owner);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : { refused: 'UNREADABLE' };
  } finally {
    await file?.close();
  }
};

const contentOf = async (
  file: FileHandle,
  owner: CacheOwner,
): Promise<CacheContent | { refused: CacheRefusal }> => {
  const { size } = await file.stat();
  if (size > MAX_BYTES) return { refused: 'UNREADABLE' };
  const start = await bytesOf(file, 0, Math.min(size, MAX_HEADER_BYTES));
  const end = start.indexOf(LINE_FEED);
  const header = Header.safeParse(end < 0 ? undefined : parseJson(start.toString('utf8', 0, end)));
  if (!header.success) return { refused: 'UNKNOWN_FORMAT' };
  const refused = refusalOf(header.data, owner);
  if (refused) return { refused };
  const tagAt = size - TAG_BYTES;
  if (tagAt <= end) return { refused: 'DAMAGED' };
  const { key, nonce } = cipherOf(owner.vault, Buffer.from(header.data.salt, 'base64url'));
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(start.subarray(0, end + 1))
    .setAuthTag(await bytesOf(file, tagAt, TAG_BYTES));
  return (await unseal(file, [end + 1, tagAt], decipher)) ?? { refused: 'DAMAGED' };
};

const bytesOf = async (file: FileHandle, position: number, length: number): Promise<Buffer> => {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
};

/** Only says what the seal shows anyway: with another key, it would not open. */
const refusalOf = (
  { consumer, prefix, kid, rekey }: z.infer<typeof Header>,
  owner: CacheOwner,
): CacheRefusal | undefined => {
  if (consumer !== owner.consumer) return 'ANOTHER_CONSUMER';
  if (kid !== owner.vault.kid) return 'ANOTHER_KEY_FILE';
  if (prefix !== owner.prefix || rekey.join() !== owner.vault.rekey.join()) return 'ANOTHER_REKEY';
  return undefined;
};

/** Undefined if it is damaged. If it is authentic, a later version of the agent may have written it. */
const unseal = async (
  file: FileHandle,
  [begin, end]: readonly [number, number],
  decipher: DecipherGCM,
): Promise<CacheContent | undefined> => {
  const keys: Known[] = [];
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let isWellFormed = true;
  for (let at = begin; at < end; at += PIECE_BYTES) {
    const piece = decipher.update(await bytesOf(file, at, Math.min(PIECE_BYTES, end - at)));
    const lines = (rest + decoder.write(piece)).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      const { data } = Entry.safeParse(parseJson(line));
      if (data) keys.push(data as Known);
      else isWellFormed = false;
    }
  }
  try {
    rest += decoder.write(decipher.final());
  } catch {
    return undefined;
  }
  const { data: summary } = Summary.safeParse(parseJson(rest));
  if (!summary || !isWellFormed || keys.length !== summary.count) return undefined;
  return { keys, provenAt: new Date(summary.provenAtMs) };
};
