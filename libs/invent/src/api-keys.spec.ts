import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ApiKeyFileError, apiKeyFromFile, apiKeysFromFile, keysByOneName, singleApiKey } from './api-keys.ts';

let dir: string;
let path: string;
let now = 0;
const quiet = { onBadFile: () => {} };
/** A file that only its owner can read, as API keys need. */
const write = (text: string | Buffer): void => writeFileSync(path, text, { mode: 0o600 });
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
    write('{"org_1":"k1","c":"k2"}');
    const keys = apiKeysFromFile(path, quiet);
    expect([keys('org_1'), keys('c'), keys('org_2'), keys('constructor')]).toEqual([
      'k1',
      'k2',
      undefined,
      undefined,
    ]);
    expect(keys.orgIds()).toEqual(['org_1', 'c']);
  });

  it('reads the file again within a second of a change', () => {
    write('{"org_1":"k1"}');
    const keys = apiKeysFromFile(path, quiet);
    write('{"org_1":"other"}');
    now += 1000;
    expect(keys('org_1')).toBe('other');
  });

  it('reads the file again if it changed while it was read for the first time', () => {
    write('{"org_1":"k1"}');
    const decode = TextDecoder.prototype.decode;
    jest.spyOn(TextDecoder.prototype, 'decode').mockImplementationOnce((bytes) => {
      write('{"org_1":"other"}');
      return decode.call(new TextDecoder(), bytes);
    });
    const keys = apiKeysFromFile(path, quiet);
    expect(keys('org_1')).toBe('k1');
    now += 1000;
    expect(keys('org_1')).toBe('other');
  });

  it('keeps the previous keys if the changed file is invalid, and reports it once', () => {
    write('{"org_1":"k1"}');
    const complaints: Error[] = [];
    const keys = apiKeysFromFile(path, { onBadFile: (error) => complaints.push(error) });
    write('{"org_1":"hunter2');
    now += 1000;
    expect(keys('org_1')).toBe('k1');
    now += 1000;
    keys('org_1');
    expect(complaints.map(String)).toEqual([
      `ApiKeyFileError: INVENT_API_KEYS_FILE (${JSON.stringify(path)}) is not JSON, or is truncated`,
    ]);
  });

  it('accepts a byte order mark', () => {
    write('\ufeff{"org_1":"k1"}');
    expect(apiKeysFromFile(path, quiet)('org_1')).toBe('k1');
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
    ['emptied', () => write('')],
    ['half written', () => write('{"org_1":"ot')],
    ['saved as UTF-16', () => write(Buffer.from('\ufeff{"org_1":"other"}', 'utf16le'))],
  ])('keeps the keys while the file is %s, and reads it when it is valid again', (_what, spoil) => {
    write('{"org_1":"k1"}');
    const complaints: string[] = [];
    const keys = apiKeysFromFile(path, { onBadFile: ({ message }) => complaints.push(message) });
    spoil();
    now += 1000;
    expect(keys('org_1')).toBe('k1');
    expect(complaints).toEqual([expect.stringContaining(`INVENT_API_KEYS_FILE (${JSON.stringify(path)}) `)]);
    rmSync(path, { recursive: true, force: true });
    write('{"org_1":"whole"}');
    now += 1000;
    expect(keys('org_1')).toBe('whole');
  });

  it('reads it again if only its permissions change: it may have been unreadable', () => {
    write('{"org_1":"k1"}');
    const complaints: string[] = [];
    const keys = apiKeysFromFile(path, { onBadFile: ({ message }) => complaints.push(message) });
    write('spoilt');
    now += 1000;
    keys('org_1');
    chmodSync(path, 0o400);
    now += 1000;
    keys('org_1');
    expect(complaints).toHaveLength(2);
  });

  it.each(['hunter2', '[]', '{"org_1":7}', '{"org_1":"with space"}', '{"org_1":""}'])(
    'refuses to start with %j, without quoting it',
    (content) => {
      write(content);
      const start = () => apiKeysFromFile(path, quiet);
      expect(start).toThrow(ApiKeyFileError);
      expect(start).not.toThrow(/hunter2/);
    },
  );
});

describe('apiKeyFromFile', () => {
  it('has the key of every org, without the white space around it', () => {
    write(' \n k1 \r\n');
    const keys = apiKeyFromFile(path, quiet);
    expect([keys('c'), keys('org_1'), keys.orgIds()]).toEqual(['k1', 'k1', ['c']]);
  });

  it('reads the file again within a second of a change, and keeps the key while it is invalid', () => {
    write('k1');
    const complaints: string[] = [];
    const keys = apiKeyFromFile(path, { onBadFile: ({ message }) => complaints.push(message) });
    write('hunter2 hunter2');
    now += 1000;
    expect(keys('org_1')).toBe('k1');
    write('k2');
    now += 1000;
    expect(keys('org_1')).toBe('k2');
    expect(complaints).toEqual([
      'INVENT_API_KEY_FILE: the file holds an API key that must be visible ASCII without spaces',
    ]);
  });

  it.each([
    ['hunter2\nhunter2', 'holds an API key that must not contain control characters'],
    ['hunter2\u0000', 'holds an API key that must not contain control characters'],
    ['hünter2', 'holds an API key that must be visible ASCII without spaces'],
    ['hunter2'.repeat(600), 'holds an API key that must be at most 4096 characters long'],
    ['hunter2'.repeat(3000), 'is larger than 16384 bytes'],
    [' \n', 'is empty'],
    [Buffer.from('hunter2\xff', 'latin1'), 'is not UTF-8 text; save it as UTF-8'],
  ])('refuses to start, and quotes nothing: %#', (content, complaint) => {
    write(content);
    expect(() => apiKeyFromFile(path, quiet)).toThrow(`INVENT_API_KEY_FILE: the file ${complaint}`);
    expect(() => apiKeyFromFile(path, quiet)).not.toThrow(/h.nter2/);
  });

  it('does not quote a key that was given in place of the path', () => {
    expect(() => apiKeyFromFile('hunter2', quiet)).toThrow(/^INVENT_API_KEY_FILE: the file does not exist$/);
  });
});

describe('a file of API keys that other users can read or write', () => {
  it.each([
    ['apiKeyFromFile', apiKeyFromFile],
    ['apiKeysFromFile', apiKeysFromFile],
  ])('is refused by %s, unless it is mounted', (_name, from) => {
    write('{"org_1":"k1"}');
    chmodSync(path, 0o644);
    expect(() => from(path, quiet)).toThrow('can be read by other users (mode 0644)');
    expect(() => from(path, { ...quiet, mounted: true })).not.toThrow();
    chmodSync(path, 0o660);
    expect(() => from(path, quiet)).toThrow('can be written by other users (mode 0660)');
    expect(() => from(path, { ...quiet, mounted: true })).not.toThrow();
    chmodSync(path, 0o666);
    expect(() => from(path, { ...quiet, mounted: true })).toThrow('can be written by other users');
  });

  it('is not reloaded after it became so', () => {
    write('{"org_1":"k1"}');
    const complaints: string[] = [];
    const keys = apiKeysFromFile(path, { onBadFile: ({ message }) => complaints.push(message) });
    writeFileSync(path, '{"org_1":"forged"}');
    chmodSync(path, 0o666);
    now += 1000;
    expect(keys('org_1')).toBe('k1');
    expect(complaints).toEqual([expect.stringContaining('can be written by other users (mode 0666)')]);
  });
});

describe('an API keys file of many orgs', () => {
  const entry = (_: unknown, i: number) => `"org_${String(i).padStart(26, '0')}":"${'k'.repeat(80)}"`;
  const fileOf = (orgs: number) => `{${Array.from({ length: orgs }, entry).join()}}`;

  it('is read up to 64 MiB: 500,000 orgs', () => {
    write(fileOf(500_000));
    const keys = apiKeysFromFile(path, quiet);
    expect(keys.orgIds()).toHaveLength(500_000);
    expect(keys('org_00000000000000000000499999')).toBe('k'.repeat(80));
  });

  it('is rejected beyond that, with the limit', () => {
    write(`${fileOf(1)}${' '.repeat(64 * 1024 * 1024)}`);
    expect(() => apiKeysFromFile(path, quiet)).toThrow('is larger than 67108864 bytes');
  });
});

describe('keysByOneName', () => {
  const learned = (orgId: string) => (orgId === 'c' ? 'org_1' : orgId);
  const unknown = (orgId: string) => orgId;

  it('treats `c` as a separate org until it is known', () => {
    write('{"c":"k-c","org_2":"k2"}');
    const keys = keysByOneName(apiKeysFromFile(path, quiet), unknown);
    expect([keys('c'), keys('org_1'), keys('org_2'), keys.orgIds()]).toEqual([
      'k-c',
      undefined,
      'k2',
      ['c', 'org_2'],
    ]);
  });

  it('uses the key of `c` for the org that it stands for', () => {
    write('{"c":"k-c","org_2":"k2"}');
    const keys = keysByOneName(apiKeysFromFile(path, quiet), learned);
    expect([keys('c'), keys('org_1'), keys('org_2'), keys('org_3'), keys.orgIds()]).toEqual([
      'k-c',
      'k-c',
      'k2',
      undefined,
      ['org_1', 'org_2'],
    ]);
  });

  it('prefers the key configured under the real id, and lists the org once', () => {
    write('{"c":"k-c","org_1":"k1"}');
    const keys = keysByOneName(apiKeysFromFile(path, quiet), learned);
    expect([keys('c'), keys('org_1'), keys.orgIds()]).toEqual(['k1', 'k1', ['org_1']]);
  });

  it('sweeps the org of a single key under its real id', () => {
    const keys = keysByOneName(singleApiKey('k'), learned);
    expect([keys('org_1'), keys('org_2'), keys.orgIds()]).toEqual(['k', 'k', ['org_1']]);
  });
});
