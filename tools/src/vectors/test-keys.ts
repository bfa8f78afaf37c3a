import {
  base64url,
  consumerJwk,
  kidOf,
  testBytes,
  verifierJwk,
  type Jwk,
  type KeyType,
} from './primitives.ts';

/** The keys of the vectors. Each is 32 bytes of text that begins with REKEY TEST KEY. */
export const rekeySeed = testBytes('ed25519');
export const rekeyPublic = verifierJwk(rekeySeed);
export const otherSeed = testBytes('other ed25519');

/** The two keys of a grant. */
export interface TestGrant {
  kid: string;
  wrapping: Buffer;
  proving: Buffer;
}
const grantKeys = (wrapping: string, proving: string): TestGrant => {
  const bytes = testBytes(wrapping);
  return { kid: kidOf({ kty: 'oct', k: base64url(bytes) }), wrapping: bytes, proving: testBytes(proving) };
};

/** Rekey is the first recipient of everything. */
export const rekeyGrant = grantKeys('rekey wraps', 'rekey proves');

interface TestConsumer {
  type: KeyType;
  jwk: Jwk;
  grant: TestGrant;
}
const consumer = (type: KeyType, label: string): TestConsumer => ({
  type,
  jwk: consumerJwk(type, testBytes(`${label} own`)),
  grant: grantKeys(`${label} wraps`, `${label} proves`),
});
/** `legacy` has a grant of the version before, which had no `typ` and no `envelope`. */
export const consumers = {
  billing: consumer('X25519', 'billing'),
  chat: consumer('P-256', 'chat'),
  crm: consumer('shared', 'crm'),
  legacy: consumer('X25519', 'legacy'),
  other: consumer('X25519', 'other'),
} as const;
export type ConsumerName = keyof typeof consumers;

const keyFileOf = (name: ConsumerName): { keys: Jwk[] } => ({
  keys: [consumers[name].jwk, rekeyPublic],
});

export const keysFile = (): object => ({
  about: 'Keys of the test vectors. They are public: protect nothing with them.',
  key_files: Object.fromEntries(
    (Object.keys(consumers) as ConsumerName[]).map((name) => [name, keyFileOf(name)]),
  ),
});
