import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KEY_REMOVED, KEY_ROTATED, type Envelope, type KeyEvent } from '@rekey/schema';
import { openEnvelope } from './envelope.ts';
import { parseEnvelope, type SharedKeys } from './envelope-form.ts';
import { createKeyFile, loadKeyFile } from './key-files/key-file.ts';
import { openRecord, sealRecord, type RecordContent } from './sealed-record.ts';
import { createSealer, type Sealer } from './sealer.ts';

let dir: string;
let sealer: Sealer;
let stranger: Sealer;
const sealerFrom = async (path: string) => {
  await createKeyFile(path);
  return createSealer(await loadKeyFile(path));
};
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rekey-sealer-'));
  sealer = await sealerFrom(join(dir, 'ours.json'));
  stranger = await sealerFrom(join(dir, 'theirs.json'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('seal and open', () => {
  it('returns the plaintext, and shows nothing of it', async () => {
    const sealed = sealer.seal('sk_secret');
    expect(sealed).not.toContain('sk_secret');
    expect(await sealer.open(JSON.parse(sealed))).toBe('sk_secret');
  });

  it('rejects what another key file sealed, changed text, and what is not a JWE', async () => {
    await expect(sealer.open(JSON.parse(stranger.seal('x')))).rejects.toThrow(
      'does not open with this key file',
    );
    const sealed = JSON.parse(sealer.seal('xxxxxxxx'));
    await expect(
      sealer.open({
        ...sealed,
        ciphertext: sealed.ciphertext.startsWith('A')
          ? `B${sealed.ciphertext.slice(1)}`
          : `A${sealed.ciphertext.slice(1)}`,
      }),
    ).rejects.toThrow('does not come from Rekey');
    for (const nothing of [null, 'eyJ…', {}, []])
      await expect(sealer.open(nothing)).rejects.toThrow('not a JWE in the form that Rekey uses');
  });
});

describe('the content key', () => {
  const recipient = (kid: string): SharedKeys => ({
    kid,
    wrapping: createSecretKey(randomBytes(32)),
    proving: createSecretKey(randomBytes(32)),
  });
  const sealedFor = (recipients: readonly SharedKeys[]) =>
    parseEnvelope(JSON.parse(sealer.seal('x', recipients)));
  const wrapped = ({ recipients }: Envelope) => recipients[0]!.encrypted_key;

  it('is the same for 1000 envelopes to the same array of recipients, each with its own nonce', () => {
    const recipients = [recipient('a')];
    const sealed = Array.from({ length: 1001 }, () => sealedFor(recipients));
    expect(new Set(sealed.slice(0, 1000).map(wrapped)).size).toBe(1);
    expect(wrapped(sealed[1000]!)).not.toBe(wrapped(sealed[0]!));
    expect(new Set(sealed.map(({ iv }) => iv)).size).toBe(1001);
    expect(sealed.map((envelope) => openEnvelope(envelope, recipients[0]!))).toEqual(sealed.map(() => 'x'));
  });

  it('is different for another array, so that a removed recipient knows no new key', () => {
    const [a, b] = [recipient('a'), recipient('b')];
    const [before, after] = [sealedFor([a, b]), sealedFor([a])];
    expect(wrapped(after)).not.toBe(wrapped(before));
    expect(openEnvelope(after, b)).toBeUndefined();
  });
});

describe('fingerprint', () => {
  it('is equal only for equal secrets and the same key file', () => {
    expect(sealer.fingerprint('a')).toBe(sealer.fingerprint('a'));
    expect(sealer.fingerprint('a')).not.toBe(sealer.fingerprint('b'));
    expect(sealer.fingerprint('a')).not.toBe(stranger.fingerprint('a'));
    expect(sealer.fingerprint('a').split(':')[0]).toBe(sealer.fingerprintKeyId);
  });
});

describe('sealRecord and openRecord', () => {
  const content: RecordContent = {
    type: KEY_ROTATED,
    orgId: 'o"rg',
    assistantId: 'ast_1',
    version: 7,
    cause: 'rotation',
    assistantJson:
      '{"id":"ast_1","secret_key":"k","big":12345678901234567890,"one":1.0,' +
      '"new":{"deep":[{"kind":"never-seen"}]}}',
  };
  const eventOf = (what: RecordContent): KeyEvent =>
    ({
      type: what.type,
      subject: what.assistantId,
      source: `/orgs/${encodeURIComponent(what.orgId)}/assistants/${what.assistantId}`,
      data: { version: what.version, sealed: JSON.parse(sealRecord(sealer, what)) },
    }) as unknown as KeyEvent;

  it('keeps the upstream text to the last digit and the last unknown field', async () => {
    const event = eventOf(content);
    expect(await sealer.open(event.data.sealed)).toBe(
      `{"type":"${KEY_ROTATED}","org_id":"o\\"rg","assistant_id":"ast_1","version":7,` +
        `"cause":"rotation","assistant":${content.assistantJson}}`,
    );
    expect(await openRecord(sealer, event)).toMatchObject({
      org_id: 'o"rg',
      version: 7,
      assistant: { new: { deep: [{ kind: 'never-seen' }] } },
    });
  });

  it('also seals that there is no key', async () => {
    const { assistantJson: _, ...rest } = content;
    expect(await openRecord(sealer, eventOf({ ...rest, type: KEY_REMOVED, removal: 'deleted' }))).toEqual({
      type: KEY_REMOVED,
      org_id: 'o"rg',
      assistant_id: 'ast_1',
      version: 7,
      cause: 'rotation',
      removal: 'deleted',
    });
  });

  it.each<[string, Partial<RecordContent>]>([
    ['assistant', { assistantId: 'ast_2' }],
    ['org', { orgId: 'other' }],
    ['version', { version: 8 }],
    ['type', { type: KEY_REMOVED }],
  ])('rejects a sealed record under another %s', async (_what, other) => {
    const event = { ...eventOf({ ...content, ...other }) };
    event.data = { ...event.data, sealed: eventOf(content).data.sealed } as KeyEvent['data'];
    await expect(openRecord(sealer, event)).rejects.toThrow('not as Rekey made it');
  });

  it.each<[string, object]>([
    ['no version', { version: undefined }],
    ['a version that is not an integer', { version: 7.5 }],
    ['no org', { org_id: undefined }],
    ['an org that is not valid Unicode', { org_id: '\ud800' }],
    ['a cause that is not a string', { cause: 7 }],
    ['a removal that is not a string', { removal: {} }],
    ['no assistant', { assistant: undefined }],
    ['an assistant that is null', { assistant: null }],
    ['an assistant without an id', { assistant: { secret_key: 'k' } }],
    ['a key that is not a string', { assistant: { id: 'ast_1', secret_key: 7 } }],
  ])('rejects a record with %s', async (_what, other) => {
    const record = {
      type: KEY_ROTATED,
      org_id: 'o"rg',
      assistant_id: 'ast_1',
      version: 7,
      cause: 'rotation',
      assistant: { id: 'ast_1', secret_key: 'k' },
    };
    const sealing = (plaintext: object) =>
      ({
        ...eventOf(content),
        data: { version: 7, sealed: JSON.parse(sealer.seal(JSON.stringify(plaintext))) },
      }) as KeyEvent;
    expect(await openRecord(sealer, sealing(record))).toEqual(record);
    await expect(openRecord(sealer, sealing({ ...record, ...other }))).rejects.toThrow('contains no record');
  });

  it('opens records of later versions, with unknown causes, removals and fields', async () => {
    const record = {
      type: KEY_ROTATED,
      org_id: 'o"rg',
      assistant_id: 'ast_1',
      version: 7,
      cause: 'rollback',
      removal: 'suspended',
      more: [1],
      assistant: { id: 'ast_1', secret_key: 'k', more: {} },
    };
    const event = {
      ...eventOf(content),
      data: { version: 7, sealed: JSON.parse(sealer.seal(JSON.stringify(record))) },
    } as KeyEvent;
    expect(await openRecord(sealer, event)).toEqual(record);
  });

  it('does not quote a plaintext that is not a record', async () => {
    const event = {
      ...eventOf(content),
      data: { version: 7, sealed: JSON.parse(sealer.seal('sk_secret')) },
    } as KeyEvent;
    await expect(openRecord(sealer, event)).rejects.toThrow(
      /^the sealed text opens, but contains no record$/,
    );
  });
});
