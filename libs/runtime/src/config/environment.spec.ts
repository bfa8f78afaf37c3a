import { describe, expect, it } from '@jest/globals';
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
