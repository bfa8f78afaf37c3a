import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Envelope } from '@rekey/schema';
import { generalDecrypt } from 'jose';
import {
  contentKeyFor,
  createRandomSource,
  isCurrent,
  openEnvelope,
  resealFor,
  sealUnder,
} from './envelope.ts';
import { parseEnvelope, type Purpose, type SharedKeys } from './envelope-form.ts';
import { sealedBefore } from './version-before-fixture.ts';

const random = createRandomSource();
const recipient = (kid: string): SharedKeys => ({
  kid,
  wrapping: createSecretKey(randomBytes(32)),
  proving: createSecretKey(randomBytes(32)),
});
const [a, b, stranger] = [recipient('a'), recipient('b'), recipient('c')];
const TEXT = '{"secret_key":"sk_ä€𝄞"}';
const sealFor = (recipients: SharedKeys[], plaintext: string, purpose: Purpose = 'record'): Envelope =>
  JSON.parse(sealUnder(contentKeyFor(recipients, random, purpose), plaintext, random)) as Envelope;
/** A recipient whose signed grant says that every envelope has a key proof. */
const granted: SharedKeys = { ...a, needsKeyProof: true };
type Recipient = Envelope['recipients'][number];
const changed = (sealed: Envelope, change: (recipient: Recipient) => unknown): Envelope => ({
  ...sealed,
  recipients: sealed.recipients.map((one) => change(one) as Recipient),
});
const withoutKeyProof = (sealed: Envelope) =>
  changed(sealed, (one) => ({ ...one, header: { ...one.header, key_proof: undefined } }));
/** The text with one letter changed. */
const corrupted = (text: string) => `${text.slice(0, 5)}${text[5] === 'A' ? 'B' : 'A'}${text.slice(6)}`;

describe('an envelope', () => {
  it('gives the plaintext to each recipient, and shows nothing of it', () => {
    const sealed = sealFor([a, b], TEXT);
    expect(JSON.stringify(sealed)).not.toContain('sk_');
    expect([openEnvelope(sealed, a), openEnvelope(sealed, b)]).toEqual([TEXT, TEXT]);
  });

  it('opens for no one else', () => {
    expect(openEnvelope(sealFor([a, b], TEXT), stranger)).toBeUndefined();
  });

  it('is a JWE that any JOSE library opens', async () => {
    const sealed = sealFor([a, b], TEXT);
    const { plaintext } = await generalDecrypt(sealed, b.wrapping, {
      keyManagementAlgorithms: ['A256KW'],
      contentEncryptionAlgorithms: ['A256GCM'],
    });
    expect(Buffer.from(plaintext).toString()).toBe(TEXT);
  });

  it('differs each time', () => {
    const [one, two] = [sealFor([a], TEXT), sealFor([a], TEXT)];
    expect(one.iv).not.toBe(two.iv);
    expect(one.recipients[0]!.encrypted_key).not.toBe(two.recipients[0]!.encrypted_key);
  });

  it.each([
    ['iv', 'does not come from Rekey'],
    ['ciphertext', 'does not come from Rekey'],
    ['tag', 'does not come from Rekey'],
    ['protected', 'not sealed in the way'],
  ] as const)('is rejected if its %s was changed', (part, why) => {
    for (const purpose of PURPOSES) {
      const sealed = sealFor([a, b], TEXT, purpose);
      expect(() => openEnvelope({ ...sealed, [part]: corrupted(sealed[part]) }, a, purpose)).toThrow(why);
    }
  });

  it('is rejected if its wrapped key was changed, or replaced by another that Rekey made', () => {
    for (const purpose of PURPOSES) {
      const [one, two] = [sealFor([a], TEXT, purpose), sealFor([a], TEXT, purpose)];
      const other = two.recipients[0]!.encrypted_key;
      for (const key of [corrupted(other), other]) {
        const swapped = changed(one, (ours) => ({ ...ours, encrypted_key: key }));
        expect(() => openEnvelope(swapped, granted, purpose)).toThrow('does not come from Rekey');
      }
      const whole = { ...one, recipients: two.recipients };
      expect(() => openEnvelope(whole, granted, purpose)).toThrow(/was changed|not come from Rekey/);
    }
  });

  it('is rejected if a recipient is put under the kid of another one with the same keys', () => {
    for (const purpose of PURPOSES) {
      const sealed = sealFor([{ ...a, kid: 'other' }], TEXT, purpose);
      const renamed = changed(sealed, (one) => ({ ...one, header: { ...one.header, kid: a.kid } }));
      expect(() => openEnvelope(renamed, granted, purpose)).toThrow('does not come from Rekey');
    }
  });

  it('is rejected if a part has another length or alphabet, whatever its proof says', () => {
    const { wrapping, proving } = a;
    const provedAgain = (sealed: Envelope): Envelope =>
      changed(sealed, (one) => {
        const text = [sealed.protected, sealed.iv, sealed.ciphertext, sealed.tag].join('.');
        const proof = createHmac('sha256', proving).update(text).digest('base64url');
        return { ...one, header: { ...one.header, proof } };
      });
    const sealed = sealFor([{ ...a, wrapping }], TEXT);
    expect(openEnvelope(provedAgain(sealed), a)).toBe(TEXT);
    for (const altered of [
      { ...sealed, iv: sealed.iv.slice(0, 11) },
      { ...sealed, iv: '' },
      { ...sealed, iv: `${sealed.iv}AAAA` },
      { ...sealed, tag: sealed.tag.slice(0, 6) },
      { ...sealed, tag: `${sealed.tag.slice(0, 21)}B` },
      { ...sealed, tag: `${sealed.tag}==` },
      { ...sealed, ciphertext: `${sealed.ciphertext}=` },
      { ...sealed, ciphertext: `${sealed.ciphertext}\n` },
      { ...sealed, ciphertext: `Ł${sealed.ciphertext.slice(1)}` },
    ])
      expect(() => openEnvelope(provedAgain(altered), a)).toThrow('not sealed in the way');
    const { ciphertext } = sealed;
    for (const other of [...'=\n +/.ÿŁ🔑\0', '=='])
      for (const longer of ['', 'A', 'AA', 'AAA'].map((more) => `${ciphertext}${more}${other}`))
        expect(() => openEnvelope(provedAgain({ ...sealed, ciphertext: longer }), a)).toThrow(/^the sealed/);
    for (const key of ['', 'AAAA', `${sealed.recipients[0]!.encrypted_key}AAAA`])
      expect(() =>
        openEnvelope(
          changed(sealed, (one) => ({ ...one, encrypted_key: key })),
          a,
        ),
      ).toThrow('not sealed in the way');
  });

  it('is rejected if another recipient, who knows its content key, made another content', () => {
    const sealed = sealFor([a, b], TEXT);
    const forged = resealFor([a, b], sealFor([b], '{"secret_key":"forged"}'), b);
    const { kid, wrapping } = a;
    const byB = resealFor([{ kid, wrapping, proving: b.proving }], forged, b);
    expect(() => openEnvelope(byB, a)).toThrow('does not come from Rekey');
    expect(() => openEnvelope({ ...byB, recipients: sealed.recipients }, a)).toThrow(
      'does not come from Rekey',
    );
  });

  it('is rejected if the wrapped key is not that of its content', () => {
    const [one, two] = [sealFor([a], TEXT), sealFor([a], TEXT)];
    const swapped = {
      ...one,
      recipients: [{ ...one.recipients[0]!, encrypted_key: two.recipients[0]!.encrypted_key }],
    };
    expect(() => openEnvelope(swapped, a)).toThrow('does not come from Rekey');
  });

  it('is resealed for others with the same ciphertext, by a current recipient only', () => {
    const sealed = sealFor([a], TEXT);
    const resealed = resealFor([a, b], sealed, a);
    expect(resealed.ciphertext).toBe(sealed.ciphertext);
    expect(openEnvelope(resealed, b)).toBe(TEXT);
    expect(openEnvelope(resealFor([a], resealed, a), b)).toBeUndefined();
    expect(() => resealFor([b], sealed, b)).toThrow('not sealed for this recipient');
  });
});

const PURPOSES: readonly Purpose[] = ['record', 'kept', 'shared-key'];

describe('the purpose of an envelope', () => {
  it('is the only one that it opens for', () => {
    for (const made of PURPOSES)
      for (const asked of PURPOSES) {
        const sealed = sealFor([a], TEXT, made);
        const opens = () => {
          try {
            return openEnvelope(sealed, a, asked) === TEXT;
          } catch {
            return false;
          }
        };
        expect([made, asked, opens()]).toEqual([made, asked, made === asked]);
      }
  });

  it('is authenticated by the encryption of what Rekey alone reads', () => {
    const sealed = sealFor([a], TEXT, 'kept');
    expect(JSON.parse(Buffer.from(sealed.protected, 'base64url').toString())).toEqual({
      enc: 'A256GCM',
      cty: 'application/json',
      typ: 'rekey.kept.2',
    });
  });
});

describe('an envelope of the version before', () => {
  const key = (byte: number) => createSecretKey(new Uint8Array(32).fill(byte));
  const before: SharedKeys = { kid: 'golden-a', wrapping: key(1), proving: key(2) };
  const GOLDEN = '{"secret_key":"sk_golden"}';

  it('opens, with the keys of a grant of that version', () => {
    expect(openEnvelope(sealedBefore, before)).toBe(GOLDEN);
    expect(openEnvelope(sealedBefore, before, 'kept')).toBe(GOLDEN);
  });

  it('never opens with the keys of a later grant, so that a key proof cannot be stripped', () => {
    expect(() => openEnvelope(sealedBefore, { ...before, needsKeyProof: true })).toThrow(
      'does not come from Rekey',
    );
    const sealed = sealFor([a, b], TEXT);
    expect(openEnvelope(sealed, granted)).toBe(TEXT);
    expect(() => openEnvelope(withoutKeyProof(sealed), granted)).toThrow('does not come from Rekey');
    // Nor after the same content key was unwrapped.
    expect(openEnvelope(sealed, granted)).toBe(TEXT);
    expect(() => openEnvelope(withoutKeyProof(sealed), granted)).toThrow('does not come from Rekey');
  });

  it('with a key proof that is wrong does not open', () => {
    const wrong = changed(sealedBefore, (one) => ({
      ...one,
      header: { ...one.header, key_proof: sealFor([a], TEXT).recipients[0]!.header.key_proof },
    }));
    expect(() => openEnvelope(wrong, before)).toThrow('does not come from Rekey');
  });

  it('gets its key proofs when it is resealed', () => {
    expect(isCurrent(sealedBefore)).toBe(false);
    const resealed = resealFor([granted, b], sealedBefore, before);
    expect(isCurrent(resealed)).toBe(true);
    expect(openEnvelope(resealed, granted)).toBe(GOLDEN);
  });
});

describe('a record of this version', () => {
  it('has all that the version before reads: the same header, and a proof of the content', async () => {
    const sealed = sealFor([a, b], TEXT);
    expect(sealed.protected).toBe(sealedBefore.protected);
    const { header } = sealed.recipients[1]!;
    const text = [sealed.protected, sealed.iv, sealed.ciphertext, sealed.tag].join('.');
    expect(header.proof).toBe(createHmac('sha256', b.proving).update(text).digest('base64url'));
  });

  it('has a key proof as the contract says', () => {
    const { header, encrypted_key: key } = sealFor([a], TEXT).recipients[0]!;
    const text = `rekey record key 2 a ${key}`;
    expect(header.key_proof).toBe(createHmac('sha256', a.proving).update(text).digest('base64url'));
  });
});

describe('parseEnvelope', () => {
  const sealed = sealFor([a, b], TEXT);
  const [one, two] = sealed.recipients as [
    (typeof sealed.recipients)[number],
    (typeof sealed.recipients)[number],
  ];
  const without = (part: string) => ({ ...sealed, [part]: undefined });
  const recipients = (...list: unknown[]) => ({ ...sealed, recipients: list });
  const header = (more: object) => recipients(one, { ...two, header: { ...two.header, ...more } });

  it.each<[string, unknown]>([
    ['an envelope', sealed],
    ['one with unknown fields', { ...header({ more: 1 }), more: 1 }],
    ['one for no recipient', recipients()],
    ['null', null],
    ['a text', 'eyJ…'],
    ['a number', 1],
    ['a list', []],
    ['an empty object', {}],
    ...['protected', 'iv', 'ciphertext', 'tag', 'recipients'].flatMap((part): [string, unknown][] => [
      [`one without ${part}`, without(part)],
      [`one whose ${part} is a number`, { ...sealed, [part]: 1 }],
    ]),
    ['recipients that are an object', { ...sealed, recipients: { 0: one } }],
    ['a recipient that is null', recipients(one, null)],
    ['a recipient that is a list', recipients(one, [])],
    ['a recipient without a header', recipients(one, { encrypted_key: 'x' })],
    ['a header that is null', recipients(one, { ...two, header: null })],
    ['a recipient without a key', recipients(one, { header: two.header })],
    ['another algorithm', header({ alg: 'dir' })],
    ['no kid', header({ kid: undefined })],
    ['a kid that is a number', header({ kid: 1 })],
    ['no proof', header({ proof: undefined })],
    ['a proof that is null', header({ proof: null })],
    ['no key proof', header({ key_proof: undefined })],
    ['a key proof that is null', header({ key_proof: null })],
  ])('accepts exactly what the schema accepts: %s', (_what, value) => {
    const reads = () => {
      try {
        parseEnvelope(value);
        return true;
      } catch {
        return false;
      }
    };
    expect(reads()).toBe(Envelope.safeParse(value).success);
  });
});

describe('createRandomSource', () => {
  it('never repeats bytes, within a batch or across batches', () => {
    const drawn = new Set(Array.from({ length: 5000 }, () => random(12).toString('hex')));
    expect(drawn.size).toBe(5000);
  });
});
