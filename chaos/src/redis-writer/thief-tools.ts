import {
  createKeyFile,
  createSealer,
  generateConsumerKey,
  loadKeyFile,
  parseConsumerKey,
} from '@rekey/sealing';
import type { Sealer } from '@rekey/sealing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Jwk = Awaited<ReturnType<typeof generateConsumerKey>>;

/** What a writer in Redis has of its own: nothing of it comes from Rekey. */
export interface ThiefTools {
  /** A key pair that nobody has registered; its private part too. */
  jwk: Jwk;
  /** The entry of a consumer with that key. */
  publicJwk: Jwk;
  /** A key file that is not Rekey's: it seals and signs, and nobody may believe it. */
  sealer: Sealer;
}

export const createThiefTools = async (): Promise<ThiefTools> => {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-thief-'));
  try {
    const keyFile = join(folder, 'key.json');
    await createKeyFile(keyFile);
    const jwk = await generateConsumerKey('X25519');
    const { d: _private, ...open } = jwk;
    const { jwk: publicJwk } = await parseConsumerKey(open);
    return { jwk, publicJwk, sealer: createSealer(await loadKeyFile(keyFile)) };
  } finally {
    await rm(folder, { recursive: true });
  }
};
