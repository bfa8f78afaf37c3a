import { base64url, drawn, encrypt, hmac, wrap } from './primitives.ts';
import { consumers, rekeyGrant, type ConsumerName, type TestGrant } from './test-keys.ts';

/** An envelope in parts that a case can change before and after the proofs are made. */
interface Recipient {
  header: Record<string, unknown>;
  encrypted_key: string;
}
export interface Sealed {
  protected: string;
  iv: string;
  ciphertext: string;
  tag: string;
  recipients: Recipient[];
}

export const SPLIT = base64url('{"enc":"A256GCM","cty":"application/json"}');
export const joinedOf = (typ: string): string =>
  base64url(`{"enc":"A256GCM","cty":"application/json","typ":"${typ}"}`);

export interface SealOptions {
  label: string;
  to?: readonly ConsumerName[];
  header?: string;
  /** Which proofs it has: by default, those that belong to the header. */
  form?: 'split' | 'joined';
  /** Before the proofs are made: what Rekey would have made, had it made this. */
  before?: (sealed: Sealed) => void;
  /** After them: what somebody else has changed. */
  after?: (sealed: Sealed) => void;
}

const prove = (
  sealed: Sealed,
  recipient: Recipient,
  { kid, proving }: TestGrant,
  form: SealOptions['form'] = sealed.protected === SPLIT ? 'split' : 'joined',
): void => {
  const content = [sealed.protected, sealed.iv, sealed.ciphertext, sealed.tag].join('.');
  const proof = (text: string) => base64url(hmac(proving, text));
  const isSplit = form === 'split';
  recipient.header['proof'] = proof(isSplit ? content : `${content}.${kid}.${recipient.encrypted_key}`);
  if (isSplit) recipient.header['key_proof'] = proof(`rekey record key 2 ${kid} ${recipient.encrypted_key}`);
};

/** Seals as Rekey does, for itself and for consumers. */
export const seal = (plaintext: string | Buffer, options: SealOptions): Sealed => {
  const { label, to = ['billing'], header = SPLIT, form, before, after } = options;
  const key = drawn(`content key ${label}`, 32);
  const iv = drawn(`iv ${label}`, 12);
  const grants = [rekeyGrant, ...to.map((name) => consumers[name].grant)];
  const sealed: Sealed = {
    protected: header,
    iv: base64url(iv),
    ...encrypt(key, iv, header, plaintext),
    recipients: grants.map(({ kid, wrapping }) => ({
      header: { alg: 'A256KW', kid },
      encrypted_key: base64url(wrap(wrapping, key)),
    })),
  };
  before?.(sealed);
  for (const [i, grant] of grants.entries())
    if (sealed.recipients[i]) prove(sealed, sealed.recipients[i], grant, form);
  after?.(sealed);
  return sealed;
};

export const ROTATED = 'rekey.assistant.key-rotated.v1';
export const REMOVED = 'rekey.assistant.key-removed.v1';
export const UNCERTAIN = 'rekey.assistant.key-uncertain.v1';
export const CHANGED = 'rekey.consumer.changed.v1';

/** Monday, 23 November 2026: the clock of Redis in all vectors, in µs. */
export const NOW_US = 1_795_474_300_000_000;
export const VERSION = 1_795_474_210_041_468;

export interface Content {
  type?: string;
  org?: string;
  assistant?: string;
  version?: number;
  /** More of the plaintext, or other fields of it; undefined removes one. */
  record?: Record<string, unknown>;
}

export const recordOf = ({
  type = ROTATED,
  org = 'org_demo',
  assistant = 'ast_1',
  version = VERSION,
  record,
}: Content) => ({
  type,
  org_id: org,
  assistant_id: assistant,
  version,
  ...(type !== UNCERTAIN && { cause: 'rotation' }),
  ...(type === REMOVED && { removal: 'no-key' }),
  ...(type === ROTATED && { assistant: { id: assistant, secret_key: 'sk_test_vector_1' } }),
  ...record,
});

/** An event around a sealed text. */
export const eventOf = (
  { type = ROTATED, org = 'org_demo', assistant = 'ast_1', version = VERSION }: Content,
  sealed: unknown,
): Record<string, unknown> & { data: Record<string, unknown> } => ({
  specversion: '1.0',
  id: String(version),
  source: `/orgs/${encodeURIComponent(org)}/assistants/${encodeURIComponent(assistant)}`,
  type,
  subject: assistant,
  time: '2026-11-23T22:50:10.063Z',
  datacontenttype: 'application/json',
  data: {
    seq: 1,
    run: 1_795_474_180_512_204,
    version,
    ...(type !== UNCERTAIN && { cause: 'rotation', updated_at: '2026-11-23T22:50:10.063Z' }),
    ...(type === REMOVED && { removal: 'no-key', fingerprint: null }),
    ...(type === ROTATED && { fingerprint: `TESTVECTOR00:${'A'.repeat(43)}` }),
    rotation_id: null,
    bulk_rotation_id: null,
    sealed,
  },
});
