import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeProtectedHeader } from 'jose';
import { createKeyFile, loadKeyFile } from './key-file.ts';
import { openRecord, sealRecord } from './sealed-record.ts';
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
    const jwe = sealer.seal('sk_secret');
    expect(jwe).not.toContain('sk_secret');
    expect(decodeProtectedHeader(jwe)).toMatchObject({ alg: 'dir', enc: 'A256GCM' });
    expect(await sealer.open(jwe)).toBe('sk_secret');
  });

  it('never seals to the same text twice', async () => {
    expect(sealer.seal('x')).not.toBe(sealer.seal('x'));
  });

  it('refuses what another key file sealed, and what was changed on the way', async () => {
    await expect(sealer.open(stranger.seal('x'))).rejects.toThrow('does not open with this key file');
    const parts = (sealer.seal('xxxxxxxx')).split('.');
    parts[3] = parts[3]!.startsWith('A') ? `B${parts[3]!.slice(1)}` : `A${parts[3]!.slice(1)}`;
    await expect(sealer.open(parts.join('.'))).rejects.toThrow('does not open with this key file');
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
  it("keeps the upstream's text to the last digit and the last unknown field", async () => {
    const assistantJson = '{"id":"ast_1","secret_key":"k","big":12345678901234567890,"one":1.0,"new":{"deep":[{"kind":"never-seen"}]}}';
    const jwe = sealRecord(sealer, { orgId: 'o"rg', assistantId: 'ast_1', version: 7, assistantJson });
    expect(await sealer.open(jwe)).toBe(`{"org_id":"o\\"rg","assistant_id":"ast_1","version":7,"assistant":${assistantJson}}`);
    expect(await openRecord(sealer, jwe)).toMatchObject({ org_id: 'o"rg', version: 7, assistant: { new: { deep: [{ kind: 'never-seen' }] } } });
  });

  it('does not quote a plaintext that is no record', async () => {
    await expect(openRecord(sealer, sealer.seal('sk_secret'))).rejects.toThrow(/^the sealed text opens, but holds no record$/);
  });
});
