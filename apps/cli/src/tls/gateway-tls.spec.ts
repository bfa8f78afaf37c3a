import { afterEach, describe, expect, it } from '@jest/globals';
import { gatewayAsGiven } from '../gateway-command.ts';
import { tlsOf } from './gateway-tls.ts';
import { TLS_VARIABLES } from './tls-variables.ts';

const gateway = '127.0.0.1:50051';
delete process.env['GRPC_ADDRESS'];
const unset = () => Object.values(TLS_VARIABLES).forEach((name) => delete process.env[name]);
unset();
afterEach(unset);

describe('a connection to the gateway', () => {
  it('is plain text unless something asks for TLS', () => {
    expect(tlsOf({})).toBe(false);
    expect(tlsOf({ tls: true })).toEqual({});
    expect(tlsOf({ tlsCa: 'ca.pem' })).toEqual({ ca: { file: 'ca.pem' } });
    expect(tlsOf({ tlsServerName: 'gateway' })).toEqual({ serverName: 'gateway' });
    process.env['REKEY_TLS'] = 'true';
    expect(tlsOf({})).toEqual({});
  });

  it('takes options before variables', () => {
    process.env['REKEY_TLS_CA_FILE'] = 'of-variable.pem';
    process.env['REKEY_TLS_CERT_FILE'] = 'cert.pem';
    process.env['REKEY_TLS_KEY_FILE'] = 'key.pem';
    expect(tlsOf({ tlsCa: 'of-option.pem' })).toEqual({
      ca: { file: 'of-option.pem' },
      cert: { file: 'cert.pem' },
      key: { file: 'key.pem' },
    });
  });

  it('is repeated in a printed command as it was given: without what variables say', () => {
    process.env['REKEY_TLS_CA_FILE'] = 'ca.pem';
    expect(gatewayAsGiven({ gateway, tlsCa: 'ca.pem' })).toBe('');
    expect(gatewayAsGiven({ gateway: 'other:1', tls: true, tlsCert: "o'ne.pem", tlsKey: 'key.pem' })).toBe(
      ` --gateway 'other:1' --tls --tls-cert 'o'\\''ne.pem' --tls-key 'key.pem'`,
    );
  });
});
