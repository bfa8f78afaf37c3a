import { createDecipheriv } from 'node:crypto';
import type { Redis } from 'ioredis';
import { openGrant, parseOwnKey, parseVerifier, type OwnKey, type SharedKeys } from '@rekey/sealing';
import { readFields } from '../redis-writer/seen-values.ts';
import { PAGE, readShortEntries, readShortTexts } from '../system/short-texts.ts';

/** Reads all of Redis, and opens whatever opens with the files that it has, without any check of proofs. */
export interface Thief {
  /** Reads everything once. Resolves with the secret keys that it had not opened before. */
  look(): Promise<string[]>;
  /** The stream is another one now: it is read from its beginning. */
  rewind(): void;
}

interface ThiefOptions {
  redis: Redis;
  prefix: string;
  /** The keys of its files, and keys of its own that nobody registered. */
  ownJwks: object[];
  rekeyPublicJwk: object;
}

interface Sealed {
  iv?: unknown;
  ciphertext?: unknown;
  tag?: unknown;
  protected?: unknown;
  recipients?: { header?: { kid?: unknown }; encrypted_key?: unknown }[];
}

const KEY_WRAP_IV = Buffer.from('a6a6a6a6a6a6a6a6', 'hex');

const unwrap = (encrypted: string, { wrapping }: SharedKeys): Buffer | undefined => {
  try {
    const decipher = createDecipheriv('id-aes256-wrap', wrapping, KEY_WRAP_IV);
    return Buffer.concat([decipher.update(encrypted, 'base64url'), decipher.final()]);
  } catch {
    return undefined;
  }
};

const decrypt = (sealed: Sealed, key: Buffer): string | undefined => {
  try {
    const [iv, tag] = [sealed.iv, sealed.tag].map((text) => Buffer.from(String(text), 'base64url'));
    const decipher = createDecipheriv('aes-256-gcm', key, iv!, { authTagLength: 16 })
      .setAAD(Buffer.from(String(sealed.protected)))
      .setAuthTag(tag!);
    const plaintext = decipher.update(String(sealed.ciphertext), 'base64url');
    return Buffer.concat([plaintext, decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
};

const parse = (text: string): any => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Opens envelopes with every content key that it has ever unwrapped. */
const createOpener = () => {
  const shared = new Map<string, SharedKeys[]>();
  /** Content keys by every text that they were wrapped to: the same key is wrapped to the same text. */
  const contentKeys = new Map<string, Buffer>();
  const wrappedBy = ({ recipients }: Sealed) =>
    (Array.isArray(recipients) ? recipients : []).map((one) => ({
      kid: String(one?.header?.kid),
      text: String(one?.encrypted_key),
    }));
  const keyOf = (sealed: Sealed): Buffer | undefined => {
    const wrapped = wrappedBy(sealed);
    for (const { kid, text } of wrapped) {
      const known = contentKeys.get(text);
      if (known) return known;
      for (const keys of shared.get(kid) ?? []) {
        const key = unwrap(text, keys);
        if (key) return key;
      }
    }
    return undefined;
  };
  return {
    learn: (keys: SharedKeys) => void shared.set(keys.kid, [...(shared.get(keys.kid) ?? []), keys]),
    open: (sealed: Sealed): string | undefined => {
      const key = keyOf(sealed);
      if (!key) return undefined;
      for (const { text } of wrappedBy(sealed)) if (!contentKeys.has(text)) contentKeys.set(text, key);
      return decrypt(sealed, key);
    },
  };
};

/** Learns the shared keys of every grant that one of the own keys opens. */
const createGrantReader = (
  { redis, prefix, rekeyPublicJwk }: ThiefOptions,
  own: OwnKey[],
  learn: (keys: SharedKeys) => void,
) => {
  const tried = new Set<string>();
  const names = new Set<string>();
  return async (): Promise<void> => {
    const entries = await readFields(redis, `${prefix}:consumers`).catch(() => ({}));
    for (const [field, text] of Object.entries(entries)) {
      const entry = parse(text) as { name?: unknown; grant?: unknown } | undefined;
      for (const name of [field, entry?.name])
        if (typeof name === 'string' && name.length < 100 && names.size < 1000) names.add(name);
      const { grant } = entry ?? {};
      if (typeof grant !== 'string' || grant.length > 10_000 || tried.has(grant)) continue;
      tried.add(grant);
      for (const key of own)
        for (const consumer of names) {
          const options = { consumer, own: key, verifiers: [parseVerifier(rekeyPublicJwk)] };
          const keys = await openGrant(grant, options).catch((error: Error) => error);
          if (!(keys instanceof Error)) learn(keys);
          // Another name does not help if the key does not open it.
          else if (keys.message.includes('private key')) break;
        }
    }
  };
};

export const createThief = async (options: ThiefOptions): Promise<Thief> => {
  const { redis, prefix, ownJwks } = options;
  const own = await Promise.all(ownJwks.map(parseOwnKey));
  const { learn, open } = createOpener();
  const readGrants = createGrantReader(options, own, learn);
  const secrets = new Set<string>();
  const tried = new Map<string, string>();
  let position = '-';

  const take = (place: string, text: string, found: string[]): void => {
    if (text === '' || tried.get(place) === text) return;
    tried.set(place, text);
    const sealed = parse(text)?.data?.sealed as Sealed | undefined;
    const plaintext = typeof sealed === 'object' && sealed !== null ? open(sealed) : undefined;
    const secret = plaintext === undefined ? undefined : parse(plaintext)?.assistant?.secret_key;
    if (typeof secret !== 'string' || secrets.has(secret)) return;
    secrets.add(secret);
    found.push(secret);
  };
  const readRecords = async (found: string[]): Promise<void> => {
    const keys = (await redis.keys(`${prefix}:current:*`)).slice(0, 2000);
    const texts = keys.length === 0 ? [] : await readShortTexts(redis, keys);
    for (const [i, text] of texts.entries()) take(keys[i]!, text, found);
    const uncertain = await readFields(redis, `${prefix}:uncertain`).catch(() => ({}));
    for (const [field, text] of Object.entries(uncertain)) take(`uncertain ${field}`, text, found);
  };
  const readStream = async (found: string[]): Promise<void> => {
    for (;;) {
      const page = await readShortEntries(redis, `${prefix}:events`, position);
      for (let i = 0; i < page.length; i += 2) take('stream', page[i + 1]!, found);
      if (page.length > 0) position = `(${page.at(-2)!}`;
      if (page.length < 2 * PAGE) return;
    }
  };
  return {
    look: async () => {
      const found: string[] = [];
      await readGrants();
      // A key can be of another type at any time.
      await readRecords(found).catch(() => {});
      await readStream(found).catch(() => {});
      return found;
    },
    rewind: () => {
      position = '-';
    },
  };
};
