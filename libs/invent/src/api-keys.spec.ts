import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ApiKeyFileError, apiKeysFromFile, keysByOneName, singleApiKey } from './api-keys.ts';

let dir: string;
let path: string;
let now = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rekey-api-keys-'));
  path = join(dir, 'keys.json');
  jest.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(dir, { recursive: true });
});

describe('apiKeysFromFile', () => {
  it('returns the key of each configured org only', () => {
    writeFileSync(path, '{"org_1":"k1","c":"k2"}');
    const keys = apiKeysFromFile(path, () => {});
    expect([keys('org_1'), keys('c'), keys('org_2'), keys('constructor')]).toEqual([
      'k1',
      'k2',
      undefined,
      undefined,
    ]);
    expect(keys.orgIds()).toEqual(['org_1', 'c']);
  });

  it('reads the file again within a second of a change', () => {
    writeFileSync(path, '{"org_1":"k1"}');
    const keys = apiKeysFromFile(path, () => {});
    writeFileSync(path, '{"org_1":"other"}');
    now += 1000;
    expect(keys('org_1')).toBe('other');
  });

  it('keeps the previous keys if the changed file is invalid, and reports it once', () => {
    writeFileSync(path, '{"org_1":"k1"}');
    const complaints: Error[] = [];
    const keys = apiKeysFromFile(path, (error) => complaints.push(error));
    writeFileSync(path, '{"org_1":"hunter2');
    now += 1000;
    expect(keys('org_1')).toBe('k1');
    now += 1000;
    keys('org_1');
    expect(complaints.map(String)).toEqual([
      `ApiKeyFileError: INVENT_API_KEYS_FILE (${JSON.stringify(path)}) is not JSON, or is truncated`,
    ]);
  });

  it('accepts a byte order mark', () => {
    writeFileSync(path, '\ufeff{"org_1":"k1"}');
    expect(apiKeysFromFile(path, () => {})('org_1')).toBe('k1');
  });

  it.each([
    ['removed', () => rmSync(path)],
    [
      'replaced by a folder',
      () => {
        rmSync(path);
        mkdirSync(path);
      },
    ],
    ['emptied', () => writeFileSync(path, '')],
    ['half written', () => writeFileSync(path, '{"org_1":"ot')],
    ['saved as UTF-16', () => writeFileSync(path, Buffer.from('\ufeff{"org_1":"other"}', 'utf16le'))],
  ])('keeps the keys while the file is %s, and reads it when it is valid again', (_what, spoil) => {
    writeFileSync(path, '{"org_1":"k1"}');
    const complaints: string[] = [];
    const keys = apiKeysFromFile(path, ({ message }) => complaints.push(message));
    spoil();
    now += 1000;
    expect(keys('org_1')).toBe('k1');
    expect(complaints).toEqual([expect.stringContaining(`INVENT_API_KEYS_FILE (${JSON.stringify(path)}) `)]);
    rmSync(path, { recursive: true, force: true });
    writeFileSync(path, '{"org_1":"whole"}');
    now += 1000;
    expect(keys('org_1')).toBe('whole');
  });

  it('reads it again if only its permissions change: it may have been unreadable', () => {
    writeFileSync(path, '{"org_1":"k1"}');
    const complaints: string[] = [];
    const keys = apiKeysFromFile(path, ({ message }) => complaints.push(message));
    writeFileSync(path, 'spoilt');
    now += 1000;
    keys('org_1');
    chmodSync(path, 0o600);
    now += 1000;
    keys('org_1');
    expect(complaints).toHaveLength(2);
  });

  it.each(['hunter2', '[]', '{"org_1":7}', '{"org_1":"with space"}', '{"org_1":""}'])(
    'refuses to start with %j, without quoting it',
    (content) => {
      writeFileSync(path, content);
      const start = () => apiKeysFromFile(path, () => {});
      expect(start).toThrow(ApiKeyFileError);
      expect(start).not.toThrow(/hunter2/);
    },
  );
});

describe('an API keys file of many orgs', () => {
  const entry = (_: unknown, i: number) => `"org_${String(i).padStart(26, '0')}":"${'k'.repeat(80)}"`;
  const fileOf = (orgs: number) => `{${Array.from({ length: orgs }, entry).join()}}`;

  it('is read up to 64 MiB: 500,000 orgs', () => {
    writeFileSync(path, fileOf(500_000));
    const keys = apiKeysFromFile(path, () => {});
    expect(keys.orgIds()).toHaveLength(500_000);
    expect(keys('org_00000000000000000000499999')).toBe('k'.repeat(80));
  }, 30_000);

  it('is rejected beyond that, with the limit', () => {
    writeFileSync(path, `${fileOf(1)}${' '.repeat(64 * 1024 * 1024)}`);
    expect(() => apiKeysFromFile(path, () => {})).toThrow('is larger than 67108864 bytes');
  });
});

describe('keysByOneName', () => {
  const learned = (orgId: string) => (orgId === 'c' ? 'org_1' : orgId);
  const unknown = (orgId: string) => orgId;

  it('treats `c` as a separate org until it is known', () => {
    writeFileSync(path, '{"c":"k-c","org_2":"k2"}');
    const keys = keysByOneName(
      apiKeysFromFile(path, () => {}),
      unknown,
    );
    expect([keys('c'), keys('org_1'), keys('org_2'), keys.orgIds()]).toEqual([
      'k-c',
      undefined,
      'k2',
      ['c', 'org_2'],
    ]);
  });

  it('uses the key of `c` for the org that it stands for', () => {
    writeFileSync(path, '{"c":"k-c","org_2":"k2"}');
    const keys = keysByOneName(
      apiKeysFromFile(path, () => {}),
      learned,
    );
    expect([keys('c'), keys('org_1'), keys('org_2'), keys('org_3'), keys.orgIds()]).toEqual([
      'k-c',
      'k-c',
      'k2',
      undefined,
      ['org_1', 'org_2'],
    ]);
  });

  it('prefers the key configured under the real id, and lists the org once', () => {
    writeFileSync(path, '{"c":"k-c","org_1":"k1"}');
    const keys = keysByOneName(
      apiKeysFromFile(path, () => {}),
      learned,
    );
    expect([keys('c'), keys('org_1'), keys.orgIds()]).toEqual(['k1', 'k1', ['org_1']]);
  });

  it('sweeps the org of a single key under its real id', () => {
    const keys = keysByOneName(singleApiKey('k'), learned);
    expect([keys('org_1'), keys('org_2'), keys.orgIds()]).toEqual(['k', 'k', ['org_1']]);
  });
});
