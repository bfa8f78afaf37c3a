import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createRekeyClient } from '@rekey/client';
import { generateConsumerKey } from '@rekey/sealing';
import { createAuthority, repositoryRoot, type CertificateAuthority } from '@rekey/testing';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { PYTHON, describeWith } from '../consumers/python-consumer.ts';
import { startSystem, type System } from '../support/system.ts';

/*
 * A second, independent check of what each caller may do: another language, other gRPC and protobuf
 * libraries, methods from reflection, and what is expected from the page that operators read.
 */

const ISSUER = 'https://idp.example.com';
const [OWN, OTHER] = ['org_walk_own', 'org_walk_other'];
const ROLES = ['viewer', 'rotator', 'operator', 'admin', 'auditor'];

interface WalkCaller {
  name: string;
  /** `nobody` for one that the gateway does not know, null for one without a role. */
  role: string | null;
  orgs: string[];
  cert?: string;
  key?: string;
  token?: string;
}

const uri = (name: string) => `spiffe://example.com/${name}`;

const run = (input: object): Promise<{ code: number | null; output: string }> =>
  new Promise((resolve) => {
    const child = spawn(PYTHON, ['-u', join(repositoryRoot, 'e2e/access/walk_methods.py')], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', GRPC_VERBOSITY: 'NONE' },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.once('close', (code) => resolve({ code, output }));
    child.stdin.end(JSON.stringify(input));
  });

describeWith(['grpc', 'google.protobuf'], 'python3-grpcio and python3-protobuf')('walk_methods.py', () => {
  let system: System;
  let authority: CertificateAuthority;
  let stranger: CertificateAuthority;
  let address: string;
  let callers: WalkCaller[];

  beforeAll(async () => {
    [system, authority, stranger] = await Promise.all([
      startSystem({ worker: false }),
      createAuthority(),
      createAuthority(),
    ]);
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwks = join(authority.folder, 'jwks.json');
    await writeFile(
      jwks,
      JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] }),
    );
    const jwtOf = (sub: string, aud = 'rekey') =>
      new SignJWT({ iss: ISSUER, aud, sub })
        .setExpirationTime('10m')
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .sign(privateKey);
    const inRoles = ROLES.map((role) => ({ name: role, role, orgs: [OWN] }));
    const everywhere = [
      { name: 'root', role: 'admin', orgs: ['*'] },
      { name: 'reader', role: 'viewer', orgs: ['*'] },
    ];
    const accessFile = join(authority.folder, 'access.yaml');
    await writeFile(
      accessFile,
      JSON.stringify({
        issuers: [{ issuer: ISSUER, audience: 'rekey', algorithms: ['ES256'], jwks }],
        bindings: [
          ...[...inRoles, ...everywhere].map(({ name, role, orgs }) => ({
            principals: [uri(name)],
            role,
            orgs,
          })),
          { principals: [`jwt:${ISSUER}#nightly`], role: 'operator', orgs: [OWN] },
        ],
      }),
    );
    const served = await authority.issue('gateway', ['IP:127.0.0.1']);
    const gateway = await system.startGateway({
      GRPC_TLS_CERT_FILE: served.cert,
      GRPC_TLS_KEY_FILE: served.key,
      GRPC_CLIENT_CA_FILE: authority.cert,
      REKEY_ACCESS_FILE: accessFile,
      GATEWAY_MAX_FAILED_AUTHENTICATIONS_PER_SECOND: '1000000',
    });
    address = gateway.ready['address']!;
    const certified = await Promise.all(
      [everywhere[0]!, ...inRoles, everywhere[1]!].map(async (caller) => ({
        ...caller,
        ...(await authority.issue(caller.name, [`URI:${uri(caller.name)}`])),
      })),
    );
    const [root] = certified;
    const client = createRekeyClient({
      address,
      tls: { ca: { file: authority.cert }, cert: { file: root!.cert }, key: { file: root!.key } },
    });
    const { secret } = await client.createToken({
      name: 'nightly',
      role: 'rotator',
      orgs: [OWN],
      ttlMs: 3_600_000,
    });
    client.close();
    const nobody = { role: 'nobody', orgs: [] };
    callers = [
      ...certified,
      { name: 'a JWT', role: 'operator', orgs: [OWN], token: await jwtOf('nightly') },
      { name: 'an access token', role: 'rotator', orgs: [OWN], token: secret },
      {
        name: 'a certificate without a binding',
        role: null,
        orgs: [],
        ...(await authority.issue('x', ['DNS:x'])),
      },
      { name: 'a JWT without a binding', role: null, orgs: [], token: await jwtOf('somebody') },
      { name: 'no credentials', ...nobody },
      { name: 'a certificate without names', ...nobody, ...(await authority.issue('sanless', [])) },
      { name: 'a foreign certificate', ...nobody, ...(await stranger.issue('f', [`URI:${uri('root')}`])) },
      { name: 'a JWT for another audience', ...nobody, token: await jwtOf('nightly', 'other') },
      {
        name: 'an access token with a wrong checksum',
        ...nobody,
        token: `${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`,
      },
    ];
  });
  afterAll(async () => {
    await system.stop();
    await Promise.all([authority.dispose(), stranger.dispose()]);
  });

  it('finds that each method answers whom docs/reference/permissions.md says, and nobody else', async () => {
    const { d: _private, ...publicJwk } = await generateConsumerKey('X25519');
    const { code, output } = await run({
      address,
      ca: authority.cert,
      permissions: join(repositoryRoot, 'docs/reference/permissions.md'),
      orgs: [OWN, OTHER],
      public_jwk: JSON.stringify(publicJwk),
      callers,
    });
    expect([code, output]).toEqual([0, expect.stringMatching(/^\d+ methods, \d+ calls, 0 differences\n$/)]);
  });
});
