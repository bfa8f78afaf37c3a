import { z } from 'zod';

/** Whose key file it is. */
type KindOfKeyFile = 'worker' | 'gateway' | 'consumer';

const Jwk = z.looseObject({
  kty: z.string(),
  crv: z.string().optional(),
  use: z.string().optional(),
});
const JwkSet = z.object({ keys: z.array(Jwk) });

/**
 * Whose key file this looks like, so that an error can name a file in the wrong place; undefined if it is
 * none. It verifies no key. A shared key of a consumer has the form of a worker's sealing key. The worker's
 * key for fingerprints, or its private signing key, tells them apart.
 */
export const kindOfKeyFile = (json: unknown): KindOfKeyFile | undefined => {
  const keys = JwkSet.safeParse(json).data?.keys ?? [];
  const hasSymmetric = (use: string) => keys.some((key) => key.kty === 'oct' && key.use === use);
  const signs = keys.some((key) => key.crv === 'Ed25519' && 'd' in key);
  if (hasSymmetric('enc') && (hasSymmetric('sig') || signs)) return 'worker';
  if (keys.some(({ use }) => use === 'enc')) return 'consumer';
  return hasSymmetric('sig') && !signs ? 'gateway' : undefined;
};

const names: Record<KindOfKeyFile, string> = {
  worker: 'the key file of the workers',
  gateway: 'the key file of the gateway',
  consumer: 'the key file of a consumer',
};

/** The same in words; undefined if it is no key file, or the expected one. */
export const describeOther = (json: unknown, expected: KindOfKeyFile): string | undefined => {
  const kind = kindOfKeyFile(json);
  return kind === undefined || kind === expected ? undefined : names[kind];
};
