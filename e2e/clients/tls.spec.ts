import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createAuthority, type App, type CertificateAuthority, type CertificatePaths } from '@rekey/testing';
import { refusal } from '../support/refusal.ts';
import { startRekey } from '../support/rekey.ts';
import { eventually, startSystem, type System } from '../support/system.ts';

const SERVER_NAMES = ['DNS:gateway.example.com', 'IP:127.0.0.1'];

let system: System;
let authority: CertificateAuthority;
let stranger: CertificateAuthority;
let servers: CertificatePaths[];
let billing: CertificatePaths;
let foreign: CertificatePaths;
let gateway: App;
let address: string;
let environment: Record<string, string>;

const served = (): CertificatePaths => ({
  cert: join(authority.folder, 'served.pem'),
  key: join(authority.folder, 'served.key'),
});

beforeAll(async () => {
  [system, authority, stranger] = await Promise.all([startSystem(), createAuthority(), createAuthority()]);
  servers = await Promise.all(['one', 'two'].map((name) => authority.issue(name, SERVER_NAMES)));
  [billing, foreign] = await Promise.all([
    authority.issue('billing', ['URI:spiffe://example.com/billing']),
    stranger.issue('billing', ['URI:spiffe://example.com/billing']),
  ]);
  await copyFile(servers[0]!.cert, served().cert);
  await copyFile(servers[0]!.key, served().key);
  environment = {
    GRPC_TLS_CERT_FILE: served().cert,
    GRPC_TLS_KEY_FILE: served().key,
    GRPC_CLIENT_CA_FILE: authority.cert,
    GATEWAY_HEALTH_ADDRESS: '127.0.0.1:0',
  };
  gateway = await system.startGateway(environment);
  address = gateway.ready['address']!;
});
afterAll(async () => {
  await system.stop();
  await Promise.all([authority.dispose(), stranger.dispose()]);
});

const rekey = (args: string[], env: Record<string, string> = {}) =>
  startRekey(system, args, { env: { GRPC_ADDRESS: address, ...env } }).result;
const trusted = () => ({
  REKEY_TLS_CA_FILE: authority.cert,
  REKEY_TLS_CERT_FILE: billing.cert,
  REKEY_TLS_KEY_FILE: billing.key,
});

describe('rekey', () => {
  it('reaches a gateway that asks for certificates, by variables or by options', async () => {
    const rotated = await rekey(['rotate', 'org_demo', 'ast_1', '--wait', '--json'], trusted());
    expect(rotated.code).toBe(0);
    expect(rotated.json().at(-1)).toMatchObject({ state: 'SUCCEEDED' });
    const options = ['--tls-ca', authority.cert, '--tls-cert', billing.cert, '--tls-key', billing.key];
    expect(await rekey(['health', ...options])).toMatchObject({ code: 0, out: 'SERVING\n' });
    const named = ['--tls-server-name', 'gateway.example.com'];
    expect(await rekey(['health', ...options, ...named])).toMatchObject({ code: 0 });
    const doctor = await rekey(['doctor', '--json'], trusted());
    expect(doctor.json().find(({ check }) => check === 'gateway')).toMatchObject({ status: 'ok' });
  });

  it('prints no warning for an address without a name', async () => {
    const { err } = await rekey(['health'], trusted());
    expect(err).toBe('');
  });

  it.each<[string, () => Record<string, string>, string]>([
    ['no authority', () => ({ REKEY_TLS: 'true' }), 'an authority is not trusted: give --tls-ca'],
    [
      'no certificate',
      () => ({ REKEY_TLS_CA_FILE: authority.cert }),
      'it asks for your certificate: give --tls-cert and --tls-key',
    ],
    [
      'another name',
      () => ({ ...trusted(), REKEY_TLS_SERVER_NAME: 'other.example.com' }),
      'its certificate is for other names',
    ],
    ['plain text', () => ({}), 'does not answer'],
    [
      'a certificate of another authority',
      () => ({ ...trusted(), REKEY_TLS_CERT_FILE: foreign.cert, REKEY_TLS_KEY_FILE: foreign.key }),
      'does not answer',
    ],
  ])('says what is wrong with %s', async (_, env, expected) => {
    let said = await rekey(['health'], env());
    // In TLS 1.3, a client writes before it is refused: the reset of its connection can overtake the alert.
    for (let again = 0; again < 4 && !said.err.includes(expected); again += 1) {
      expect(said.err).toContain('that it trusts your certificate');
      said = await rekey(['health'], env());
    }
    expect(said.err).toContain(expected);
    expect(said.code).toBe(2);
  });

  it.each<[string, () => Record<string, string>, string]>([
    [
      'a certificate without its key',
      () => ({ REKEY_TLS_CERT_FILE: billing.cert }),
      'must be given together: --tls-cert and --tls-key',
    ],
    [
      'the key of another certificate',
      () => ({ ...trusted(), REKEY_TLS_KEY_FILE: foreign.key }),
      'The gateway cannot be called',
    ],
    ['a file that is not there', () => ({ REKEY_TLS_CA_FILE: '/nowhere/ca.pem' }), 'does not exist'],
    ['a switch that is neither', () => ({ REKEY_TLS: 'yes' }), 'REKEY_TLS must be true or false'],
  ])('refuses %s before it connects', async (_, env, expected) => {
    const { code, err } = await rekey(['health'], env());
    expect(err).toContain(expected);
    expect(code).toBe(1);
  });

  it('says that a gateway serves plain text', async () => {
    const plain = system.gateway.ready['address']!;
    const { code, err } = await rekey(['health', '--gateway', plain], trusted());
    expect(err).toContain('it serves plain text');
    expect(code).toBe(2);
  });
});

describe('a gateway', () => {
  it.each<[string, () => Record<string, string>, string]>([
    [
      'only one of the files',
      () => ({ GRPC_TLS_CERT_FILE: served().cert }),
      'GRPC_TLS_CERT_FILE and GRPC_TLS_KEY_FILE must be set together',
    ],
    [
      'authorities without certificates of its own',
      () => ({ GRPC_CLIENT_CA_FILE: authority.cert }),
      'GRPC_CLIENT_CA_FILE needs GRPC_TLS_CERT_FILE and GRPC_TLS_KEY_FILE',
    ],
    [
      'files that do not fit',
      () => ({ GRPC_TLS_CERT_FILE: billing.cert, GRPC_TLS_KEY_FILE: foreign.key }),
      'GRPC_TLS_KEY_FILE: the file holds the private key of another certificate',
    ],
  ])('does not start with %s', async (_, env, expected) => {
    const { code, text } = await refusal('gateway', { ...system.environment, ...env() });
    expect(text).toContain(expected);
    expect(code).toBe(1);
  });

  it('reports when its certificate expires, and that newer files are refused', async () => {
    const metrics = async () => (await fetch(`http://${gateway.ready['health_address']}/metrics`)).text();
    const expiry = /^rekey_gateway_tls_certificate_expiry_timestamp_seconds (\S+)$/m.exec(await metrics());
    expect(Number(expiry?.[1])).toBeGreaterThan(Date.now() / 1000);
    await writeFile(served().cert, 'garbage');
    await eventually(metrics, (text) => text.includes('rekey_gateway_tls_files_refused 1'));
    await copyFile(servers[0]!.cert, served().cert);
    await copyFile(servers[0]!.key, served().key);
    await eventually(metrics, (text) => text.includes('rekey_gateway_tls_files_refused 0'));
  });
});
