import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { environmentOf } from './environment.ts';

const before = process.env;
beforeEach(() => {
  process.env = {};
});
afterEach(() => {
  process.env = before;
});

describe('environmentOf', () => {
  it.each(['gateway', 'worker'] as const)('gives a %s what Node and the log need', (part) => {
    const needed = {
      PATH: '/bin',
      LC_ALL: 'C',
      NODE_ENV: 'production',
      NODE_OPTIONS: '--max-old-space-size=512',
      NODE_EXTRA_CA_CERTS: '/ca.pem',
      NODE_V8_COVERAGE: '/coverage',
      SSL_CERT_FILE: '/ca.pem',
      DEBUG: 'ioredis:*',
      DEBUG_COLORS: '1',
      LOG_LEVEL: 'debug',
    };
    Object.assign(process.env, needed);
    expect(environmentOf(part)).toEqual(needed);
  });

  it.each(['gateway', 'worker'] as const)('gives a %s no token of npm or of another program', (part) => {
    Object.assign(process.env, {
      NODE_AUTH_TOKEN: 'hunter2',
      NPM_TOKEN: 'hunter2',
      NODE_REGISTRY_PASSWORD: 'hunter2',
      DEBUG_TOKEN: 'hunter2',
      SSL_CERT_PASSWORD: 'hunter2',
      GITHUB_TOKEN: 'hunter2',
    });
    expect(environmentOf(part)).toEqual({});
  });

  it('gives API keys, the key file and proxies to the worker only', () => {
    Object.assign(process.env, { INVENT_API_KEY: 'k', REKEY_KEY_FILE: '/k', https_proxy: 'http://p' });
    expect(environmentOf('gateway')).toEqual({});
    expect(environmentOf('worker')).toEqual(process.env);
  });
});
