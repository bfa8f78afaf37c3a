import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { credentials, type ServiceError } from '@grpc/grpc-js';
import { loadContract, readStatusDetails, unary, type ServiceHandlers } from '@rekey/rpc';
import { createAuthority, type CertificateAuthority, type CertificatePaths } from '@rekey/testing';
import { createAuthenticator } from '../identity/authenticate.ts';
import type { JwtVerifier } from '../identity/verify-jwts.ts';
import { limitsWith } from '../limits/limits-fixture.ts';
import { createServer, type GatewayServer } from '../pipeline/server.ts';
import { followCertificates, type FollowedCertificates } from './follow-certificates.ts';

/*
 * Certificates of clients that prove nobody. If every client needs one, they end the handshake; with an
 * access file, their callers are as those without a certificate.
 */

const contract = loadContract();
const NAMES = ['URI:spiffe://example.com/billing'];
const UNAVAILABLE = '14';
let authority: CertificateAuthority;
let stranger: CertificateAuthority;
let certificates: Record<string, CertificatePaths>;
const gateways: Record<
  'required' | 'optional',
  { followed: FollowedCertificates; server: GatewayServer; port: number }
> = {} as never;

const authenticate = createAuthenticator({ verify: async () => undefined });
const whoCalls = unary(
  async (_request: unknown, context) => {
    const { name } = await authenticate(context, {} as JwtVerifier);
    return { reason: name };
  },
  () => {},
);

const start = async (optional: boolean) => {
  const served = await authority.issue('gateway', ['DNS:localhost', 'IP:127.0.0.1']);
  const followed = followCertificates(
    {
      GRPC_TLS_CERT_FILE: served.cert,
      GRPC_TLS_KEY_FILE: served.key,
      GRPC_CLIENT_CA_FILE: authority.cert,
      mounted: false,
    },
    { optional, onLoaded: () => {}, onRefused: () => {} },
  );
  const methods = Object.keys(contract.v1.RotationService.service);
  const RotationService = Object.fromEntries(methods.map((name) => [name, whoCalls]));
  const server = createServer(contract, { RotationService } as unknown as ServiceHandlers, {
    limits: limitsWith(),
    tls: { credentials: followed.credentials, maxConnectionAgeMs: 3_600_000 },
  });
  return { followed, server, port: await server.listen('127.0.0.1:0') };
};

beforeAll(async () => {
  [authority, stranger] = await Promise.all([createAuthority(), createAuthority()]);
  certificates = {
    'a valid one': await authority.issue('valid', NAMES),
    'one without names': await authority.issue('sanless', []),
    'an expired one': await authority.issueBetween('expired', NAMES, { from: '20200101', until: '20210101' }),
    'one that is not valid yet': await authority.issueBetween('early', NAMES, {
      from: '20400101',
      until: '20410101',
    }),
    'one of another authority of the same name': await stranger.issue('foreign', NAMES),
    'a self-signed one': { cert: stranger.cert, key: stranger.key },
    'one that another client has signed': signedBy(await authority.issue('client', NAMES)),
  };
  gateways.required = await start(false);
  gateways.optional = await start(true);
});
afterAll(async () => {
  for (const { followed, server } of Object.values(gateways)) {
    followed.close();
    await server.close(100);
  }
  await Promise.all([authority.dispose(), stranger.dispose()]);
});

/** A certificate whose issuer is no authority: a client that has one must not make others. */
const signedBy = ({ cert, key }: CertificatePaths): CertificatePaths => {
  const forged = join(authority.folder, 'forged');
  const own = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=forged'];
  const by = ['-CA', cert, '-CAkey', key, '-addext', `subjectAltName=${NAMES[0]}`];
  const files = ['-keyout', `${forged}.key`, '-out', `${forged}.pem`];
  execFileSync('openssl', ['req', '-x509', ...own, ...by, ...files, '-days', '2'], { stdio: 'ignore' });
  return { cert: `${forged}.pem`, key: `${forged}.key` };
};

/** The caller that the gateway has found, or the reason of the error. */
const call = async (which: keyof typeof gateways, own?: CertificatePaths): Promise<string> => {
  const channel = credentials.createSsl(
    await readFile(authority.cert),
    own ? await readFile(own.key) : null,
    own ? await readFile(own.cert) : null,
  );
  const client = new contract.v1.RotationService(`localhost:${gateways[which].port}`, channel);
  return new Promise((resolve) => {
    const deadline = Date.now() + 5000;
    client.getRotation(
      { id: 'rot_1' },
      { deadline },
      (error: ServiceError | null, response?: { reason: string }) => {
        client.close();
        resolve(error ? (readStatusDetails(error).reason ?? `${error.code}`) : response!.reason);
      },
    );
  });
};

const PROVE_NOBODY = [
  'an expired one',
  'one that is not valid yet',
  'one of another authority of the same name',
  'a self-signed one',
  'one that another client has signed',
];

describe('the certificate of a client', () => {
  it('names its caller if it is valid', async () => {
    const valid = certificates['a valid one']!;
    expect(await call('required', valid)).toBe('uri:spiffe://example.com/billing');
    expect(await call('optional', valid)).toBe('uri:spiffe://example.com/billing');
  });

  it.each(PROVE_NOBODY)('proves nobody: %s', async (which) => {
    expect(await call('required', certificates[which]!)).toBe(UNAVAILABLE);
    expect(await call('optional', certificates[which]!)).toBe('NOT_AUTHENTICATED');
  });

  it('without names proves nobody, whatever its subject is', async () => {
    expect(await call('required', certificates['one without names']!)).toBe('NOT_AUTHENTICATED');
    expect(await call('optional', certificates['one without names']!)).toBe('NOT_AUTHENTICATED');
  });

  it('may be left out only if something else says who calls', async () => {
    expect(await call('required')).toBe(UNAVAILABLE);
    expect(await call('optional')).toBe('NOT_AUTHENTICATED');
  });
});
