import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KEY_REMOVED, KEY_ROTATED, type Envelope, type KeyEvent } from '@rekey/schema';
import { openEnvelope, parseEnvelope, type SharedKeys } from './envelope.ts';
import { createKeyFile, loadKeyFile } from './key-file.ts';
import { openRecord, sealRecord, type ToSeal } from './sealed-record.ts';
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
  it('gives back what was sealed, and shows nothing of it', async () => {
    const sealed = sealer.seal('sk_secret');
    expect(sealed).not.toContain('sk_secret');
    expect(await sealer.open(JSON.parse(sealed))).toBe('sk_secret');
  });

  it('refuses what another key file sealed, what was changed on the way, and what is no JWE at all', async () => {
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
      await expect(sealer.open(nothing)).rejects.toThrow('no JWE as Rekey makes it');
  });
});

describe('the content key', () => {
  const reader = (kid: string): SharedKeys => ({
    kid,
    wrapping: createSecretKey(randomBytes(32)),
    proving: createSecretKey(randomBytes(32)),
  });
  const sealedFor = (readers: readonly SharedKeys[]) => parseEnvelope(JSON.parse(sealer.seal('x', readers)));
  const wrapped = ({ recipients }: Envelope) => recipients[0]!.encrypted_key;

  it('is the same for a thousand envelopes of the same list of readers, each with a nonce of its own', () => {
    const readers = [reader('a')];
    const sealed = Array.from({ length: 1001 }, () => sealedFor(readers));
    expect(new Set(sealed.slice(0, 1000).map(wrapped)).size).toBe(1);
    expect(wrapped(sealed[1000]!)).not.toBe(wrapped(sealed[0]!));
    expect(new Set(sealed.map(({ iv }) => iv)).size).toBe(1001);
    expect(sealed.map((envelope) => openEnvelope(envelope, readers[0]!))).toEqual(sealed.map(() => 'x'));
  });

  it('is another for another list, so that who is no reader any more knows none that is new', () => {
    const [a, b] = [reader('a'), reader('b')];
    const [before, after] = [sealedFor([a, b]), sealedFor([a])];
    expect(wrapped(after)).not.toBe(wrapped(before));
    expect(openEnvelope(after, b)).toBeUndefined();
  });
});

describe('fingerprint', () => {
  it('is equal for equal secrets only, and for one key file only', () => {
    expect(sealer.fingerprint('a')).toBe(sealer.fingerprint('a'));
    expect(sealer.fingerprint('a')).not.toBe(sealer.fingerprint('b'));
    expect(sealer.fingerprint('a')).not.toBe(stranger.fingerprint('a'));
    expect(sealer.fingerprint('a').split(':')[0]).toBe(sealer.fingerprintKeyId);
  });
});

describe('sealRecord and openRecord', () => {
  const toSeal: ToSeal = {
    type: KEY_ROTATED,
    orgId: 'o"rg',
    assistantId: 'ast_1',
    version: 7,
    cause: 'rotation',
    assistantJson:
      '{"id":"ast_1","secret_key":"k","big":12345678901234567890,"one":1.0,"new":{"deep":[{"kind":"never-seen"}]}}',
  };
  const eventOf = (what: ToSeal): KeyEvent =>
    ({
      type: what.type,
      subject: what.assistantId,
      source: `/orgs/${encodeURIComponent(what.orgId)}/assistants/${what.assistantId}`,
      data: { version: what.version, sealed: JSON.parse(sealRecord(sealer, what)) },
    }) as unknown as KeyEvent;

  it("keeps the upstream's text to the last digit and the last unknown field", async () => {
    const event = eventOf(toSeal);
    expect(await sealer.open(event.data.sealed)).toBe(
      `{"type":"${KEY_ROTATED}","org_id":"o\\"rg","assistant_id":"ast_1","version":7,"cause":"rotation","assistant":${toSeal.assistantJson}}`,
    );
    expect(await openRecord(sealer, event)).toMatchObject({
      org_id: 'o"rg',
      version: 7,
      assistant: { new: { deep: [{ kind: 'never-seen' }] } },
    });
  });

  it('carries also that there is no key', async () => {
    const { assistantJson: _, ...rest } = toSeal;
    expect(await openRecord(sealer, eventOf({ ...rest, type: KEY_REMOVED, removal: 'deleted' }))).toEqual({
      type: KEY_REMOVED,
      org_id: 'o"rg',
      assistant_id: 'ast_1',
      version: 7,
      cause: 'rotation',
      removal: 'deleted',
    });
  });

  it.each<[string, Partial<ToSeal>]>([
    ['assistant', { assistantId: 'ast_2' }],
    ['org', { orgId: 'other' }],
    ['version', { version: 8 }],
    ['type', { type: KEY_REMOVED }],
  ])('refuses what is carried under another %s', async (_what, other) => {
    const event = { ...eventOf({ ...toSeal, ...other }) };
    event.data = { ...event.data, sealed: eventOf(toSeal).data.sealed } as KeyEvent['data'];
    await expect(openRecord(sealer, event)).rejects.toThrow('not as Rekey made it');
  });

  it.each<[string, object]>([
    ['no version', { version: undefined }],
    ['a version that is no whole number', { version: 7.5 }],
    ['no org', { org_id: undefined }],
    ['an org that is no Unicode', { org_id: '\ud800' }],
    ['a cause that is no text', { cause: 7 }],
    ['a removal that is no text', { removal: {} }],
    ['no assistant', { assistant: undefined }],
    ['an assistant that is null', { assistant: null }],
    ['an assistant without an id', { assistant: { secret_key: 'k' } }],
    ['a key that is no text', { assistant: { id: 'ast_1', secret_key: 7 } }],
  ])('takes nothing for a record that has %s', async (_what, other) => {
    const record = {
      type: KEY_ROTATED,
      org_id: 'o"rg',
      assistant_id: 'ast_1',
      version: 7,
      cause: 'rotation',
      assistant: { id: 'ast_1', secret_key: 'k' },
    };
    const carrying = (content: object) =>
      ({
        ...eventOf(toSeal),
        data: { version: 7, sealed: JSON.parse(sealer.seal(JSON.stringify(content))) },
      }) as KeyEvent;
    expect(await openRecord(sealer, carrying(record))).toEqual(record);
    await expect(openRecord(sealer, carrying({ ...record, ...other }))).rejects.toThrow('holds no record');
  });

  it('opens what a later version says: causes, removals and fields that this one does not know', async () => {
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
      ...eventOf(toSeal),
      data: { version: 7, sealed: JSON.parse(sealer.seal(JSON.stringify(record))) },
    } as KeyEvent;
    expect(await openRecord(sealer, event)).toEqual(record);
  });

  it('does not quote a plaintext that is no record', async () => {
    const event = {
      ...eventOf(toSeal),
      data: { version: 7, sealed: JSON.parse(sealer.seal('sk_secret')) },
    } as KeyEvent;
    await expect(openRecord(sealer, event)).rejects.toThrow(/^the sealed text opens, but holds no record$/);
  });
});
