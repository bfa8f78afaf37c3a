import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Envelope } from '@rekey/schema';
import { generalDecrypt } from 'jose';
import {
  contentKeyFor,
  createRandomSource,
  openEnvelope,
  parseEnvelope,
  resealFor,
  sealUnder,
  type SharedKeys,
} from './envelope.ts';

const random = createRandomSource();
const recipient = (kid: string): SharedKeys => ({
  kid,
  wrapping: createSecretKey(randomBytes(32)),
  proving: createSecretKey(randomBytes(32)),
});
const [a, b, stranger] = [recipient('a'), recipient('b'), recipient('c')];
const TEXT = '{"secret_key":"sk_ä€𝄞"}';
const sealFor = (recipients: SharedKeys[], plaintext: string): Envelope =>
  JSON.parse(sealUnder(contentKeyFor(recipients, random), plaintext, random)) as Envelope;
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

  it.each(['iv', 'ciphertext', 'tag', 'protected'] as const)('is rejected if its %s was changed', (part) => {
    const sealed = sealFor([a, b], TEXT);
    expect(() => openEnvelope({ ...sealed, [part]: corrupted(sealed[part]) }, a)).toThrow(
      'does not come from Rekey',
    );
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
    expect(() => openEnvelope(swapped, a)).toThrow('was changed');
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
