import { describe, expect, it } from '@jest/globals';
import { parseEnvironment } from '@rekey/runtime';
import { variableChecks } from '@rekey/testing';
import { GatewayEnvironment } from './config.ts';

describe('any variable', () => {
  const names = Object.keys(GatewayEnvironment.shape);
  const checks = variableChecks((env) => parseEnvironment(GatewayEnvironment, env));

  it.each(names)('%s with only white space counts as not set', (name) =>
    expect(() => checks.blank(name)).not.toThrow(),
  );
  it.each(names)('%s may have white space around it', (name) =>
    expect(() => checks.spaced(name)).not.toThrow(),
  );
  it.each(names)(
    '%s is refused by name, and never shown, if it is huge, not UTF-8 or has control characters',
    (name) => expect(() => checks.unusable(name)).not.toThrow(),
  );
  it.each(names)('%s is accepted, or refused by name, whatever it holds', (name) =>
    expect(() => checks.strange(name)).not.toThrow(),
  );
});

describe('a gateway beyond loopback', () => {
  const refusalOf = (env: Record<string, string>): string => {
    try {
      parseEnvironment(GatewayEnvironment, { REDIS_URL: 'redis://127.0.0.1', ...env });
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const access = { REKEY_ACCESS_FILE: '/access.yaml' };
  const tls = { GRPC_TLS_CERT_FILE: '/cert', GRPC_TLS_KEY_FILE: '/key' };

  it.each<[string, Record<string, string>, string[]]>([
    ['anything', {}, ['REKEY_ACCESS_FILE', 'GRPC_TLS_CERT_FILE']],
    ['TLS', access, ['GRPC_TLS_CERT_FILE and GRPC_TLS_KEY_FILE', 'REKEY_ALLOW_PLAINTEXT=true']],
    ['an access file', tls, ['REKEY_ACCESS_FILE']],
    ['an access file, in plain text', { REKEY_ALLOW_PLAINTEXT: 'true' }, ['REKEY_ACCESS_FILE']],
    [
      'an access file, with client certificates',
      { ...tls, GRPC_CLIENT_CA_FILE: '/ca' },
      ['REKEY_ACCESS_FILE'],
    ],
  ])('does not start without %s, and says what to set', (_, env, named) => {
    for (const GRPC_ADDRESS of ['0.0.0.0:50051', '[::]:50051', '192.0.2.1:50051', 'gateway.example:50051']) {
      const message = refusalOf({ GRPC_ADDRESS, ...env });
      expect(message).toContain('GRPC_ADDRESS');
      for (const name of named) expect(message).toContain(name);
    }
  });

  it('starts with both, or with an access file behind a mesh', () => {
    const GRPC_ADDRESS = '0.0.0.0:50051';
    expect(refusalOf({ GRPC_ADDRESS, ...access, ...tls })).toBe('');
    expect(refusalOf({ GRPC_ADDRESS, ...access, REKEY_ALLOW_PLAINTEXT: 'true' })).toBe('');
  });

  it('is not one on loopback, which needs neither', () => {
    for (const GRPC_ADDRESS of ['127.0.0.1:0', '[::1]:50051', 'localhost:50051'])
      expect(refusalOf({ GRPC_ADDRESS })).toBe('');
  });
});
