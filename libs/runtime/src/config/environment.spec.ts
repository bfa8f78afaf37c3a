import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { addressVariable, commonVariables, intVariable, parseEnvironment } from './environment.ts';

const schema = z.object({
  ...commonVariables,
  SECRET: z.string(),
  SIZE: intVariable({ min: 1, max: 10, default: 5 }),
  ADDRESS: addressVariable.default('127.0.0.1:1'),
});

describe('parseEnvironment', () => {
  it('fills in defaults, and treats an empty variable as unset', () => {
    expect(parseEnvironment(schema, { SECRET: 's', REKEY_PREFIX: '', PATH: '/bin' })).toMatchObject({
      REKEY_PREFIX: 'rekey',
      SIZE: 5,
      SECRET: 's',
    });
  });

  it('names every invalid variable and shows no value', () => {
    const env = {
      REDIS_URL: 'http://user:hunter2@h',
      REKEY_PREFIX: 'a{b}',
      LOG_LEVEL: 'loud-hunter2',
      SIZE: '11',
      ADDRESS: 'hunter2',
    };
    const message = (() => {
      try {
        parseEnvironment(schema, env);
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    })();
    for (const name of ['REDIS_URL', 'REKEY_PREFIX', 'LOG_LEVEL', 'SIZE', 'ADDRESS', 'SECRET: is required'])
      expect(message).toContain(name);
    expect(message).not.toContain('hunter2');
  });

  it.each(['127.0.0.1:0', '[::1]:65535', 'localhost:50051', '0.0.0.0:80'])(
    'accepts the address %s',
    (ADDRESS) => {
      expect(parseEnvironment(schema, { SECRET: 's', ADDRESS })).toMatchObject({ ADDRESS });
    },
  );

  it.each([
    '127.0.0.1',
    ':50051',
    '50051',
    '127.0.0.1:65536',
    '127.0.0.1:99999',
    '::1:50051',
    '[::1:50051',
    'http://127.0.0.1:50051',
    'user@host:50051',
    '127.0.0.1:50051/x',
    'a b:1',
    '127.0.0.1:-1',
  ])('rejects the address %s', (ADDRESS) => {
    expect(() => parseEnvironment(schema, { SECRET: 's', ADDRESS })).toThrow('ADDRESS: must be HOST:PORT');
  });
});

describe('REDIS_URL_FILE', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rekey-environment-'));
    path = join(folder, 'redis-url');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const parse = (content: string, env: NodeJS.ProcessEnv = {}) => {
    writeFileSync(path, content, { mode: 0o600 });
    return parseEnvironment(schema, { SECRET: 's', REDIS_URL_FILE: path, ...env });
  };

  it('gives REDIS_URL, without white space around it', () => {
    expect(parse(' redis://u:hunter2@h:1/2\r\n')).toMatchObject({ REDIS_URL: 'redis://u:hunter2@h:1/2' });
  });

  it('excludes REDIS_URL', () => {
    expect(() => parse('redis://h', { REDIS_URL: 'redis://h' })).toThrow(
      'REDIS_URL_FILE: cannot be given together with REDIS_URL',
    );
  });

  it.each([
    ['http://u:hunter2@h', 'holds a URL that must be a redis:// or rediss:// URL'],
    ['redis://u:hunter2@h/x', 'holds a URL that must end with the number of a database'],
    ['redis://u:hunter2@h\nredis://h', 'holds a URL that must not contain control characters'],
    ['redis://u:hunter2\u0000@h', 'holds a URL that must not contain control characters'],
    [`redis://u:${'hunter2'.repeat(600)}@h`, 'holds a URL that must be at most 4096 characters long'],
    ['hunter2'.repeat(3000), 'is larger than 16384 bytes'],
    [' \n', 'is empty'],
  ])('is refused by name, and nothing is quoted: %#', (content, complaint) => {
    expect(() => parse(content)).toThrow(`  REDIS_URL_FILE: the file ${complaint}`);
    expect(() => parse(content)).not.toThrow(/hunter2/);
  });

  it('is refused without quoting a URL that was given in place of the path', () => {
    const give = () => parseEnvironment(schema, { SECRET: 's', REDIS_URL_FILE: 'redis://u:hunter2@h' });
    expect(give).toThrow('REDIS_URL_FILE: the file does not exist');
    expect(give).not.toThrow(/hunter2/);
  });

  it('is refused if other users can read it, unless REKEY_MOUNTED_SECRETS is true', () => {
    parse('redis://h');
    chmodSync(path, 0o444);
    const env = { SECRET: 's', REDIS_URL_FILE: path };
    expect(() => parseEnvironment(schema, env)).toThrow(
      'REDIS_URL_FILE: the file can be read by other users (mode 0444)',
    );
    expect(parseEnvironment(schema, { ...env, REKEY_MOUNTED_SECRETS: 'true' })).toMatchObject({
      REDIS_URL: 'redis://h',
    });
  });
});
