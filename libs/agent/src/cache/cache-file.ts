import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
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

/** Opens a cache, or says why it is not believed. Undefined if there is none. */
export const openCache = async (
  path: string,
  owner: CacheOwner,
): Promise<CacheContent | { refused: CacheRefusal } | undefined> => {
  const bytes = await readRegularFile(path);
  if (bytes === undefined) return undefined;
  if (bytes === 'UNREADABLE') return { refused: 'UNREADABLE' };
  const end = bytes.subarray(0, MAX_HEADER_BYTES).indexOf(LINE_FEED);
  const header = Header.safeParse(end < 0 ? undefined : parseJson(bytes.toString('utf8', 0, end)));
  if (!header.success) return { refused: 'UNKNOWN_FORMAT' };
  const refused = refusalOf(header.data, owner);
  if (refused) return { refused };
  const salt = Buffer.from(header.data.salt, 'base64url');
  const text = unseal(bytes, end + 1, cipherOf(owner.vault, salt));
  return (text !== undefined && contentOf(text)) || { refused: 'DAMAGED' };
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

const unseal = (
  bytes: Buffer,
  begin: number,
  { key, nonce }: ReturnType<typeof cipherOf>,
): string | undefined => {
  const tagAt = bytes.length - TAG_BYTES;
  if (tagAt < begin) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(bytes.subarray(0, begin))
    .setAuthTag(bytes.subarray(tagAt));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(begin, tagAt)), decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
};

/** It is authentic; a later version of the agent may have written it. */
const contentOf = (text: string): CacheContent | undefined => {
  const lines = text.split('\n');
  const summary = Summary.safeParse(parseJson(lines.pop()!));
  const keys = lines.map((line) => Entry.safeParse(parseJson(line)));
  if (!summary.success || keys.length !== summary.data.count || keys.some(({ success }) => !success))
    return undefined;
  return { keys: keys.map(({ data }) => data as Known), provenAt: new Date(summary.data.provenAtMs) };
};

const readRegularFile = async (path: string): Promise<Buffer | 'UNREADABLE' | undefined> => {
  try {
    const file = await openRegularFile(path);
    try {
      return (await file.stat()).size <= MAX_BYTES ? await file.readFile() : 'UNREADABLE';
    } finally {
      await file.close();
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : 'UNREADABLE';
  }
};
