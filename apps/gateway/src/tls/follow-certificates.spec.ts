import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { credentials, type ChannelCredentials, type ServiceError } from '@grpc/grpc-js';
import { loadContract, unary, type ServiceHandlers } from '@rekey/rpc';
import { createAuthority, type CertificateAuthority, type CertificatePaths } from '@rekey/testing';
import { limitsWith } from '../limits/limits-fixture.ts';
import { createServer, type GatewayServer } from '../pipeline/server.ts';
import { followCertificates, type FollowedCertificates } from './follow-certificates.ts';
import { readCertificates, type CertificateFiles } from './read-certificates.ts';

const EVERY_MS = 20;
const DAY_MS = 86_400_000;
const SERVER_NAMES = ['DNS:localhost', 'IP:127.0.0.1'];
const contract = loadContract();
let authority: CertificateAuthority;
let stranger: CertificateAuthority;
let first: CertificatePaths;
let second: CertificatePaths;
let files: CertificateFiles;

beforeAll(async () => {
  [authority, stranger] = await Promise.all([createAuthority(), createAuthority()]);
  [first, second] = await Promise.all([
    authority.issue('first', SERVER_NAMES),
    authority.issue('second', SERVER_NAMES),
  ]);
});
afterAll(async () => {
  await Promise.all([authority.dispose(), stranger.dispose()]);
});

/** Puts a certificate and a key in place, as a deployment does: one after the other. */
const put = async ({ cert, key }: CertificatePaths): Promise<void> => {
  await copyFile(cert, files.GRPC_TLS_CERT_FILE);
  await copyFile(key, files.GRPC_TLS_KEY_FILE);
};
beforeEach(async () => {
  files = {
    GRPC_TLS_CERT_FILE: join(authority.folder, 'served.pem'),
    GRPC_TLS_KEY_FILE: join(authority.folder, 'served.key'),
    mounted: false,
  };
  await put(first);
});

describe('files that cannot be served', () => {
  const complaint = (): string => {
    try {
      readCertificates(files);
      return 'none';
    } catch (error) {
      return (error as Error).message;
    }
  };

  it.each<[string, () => Promise<void>]>([
    [
      'GRPC_TLS_KEY_FILE: the file holds the private key of another certificate than GRPC_TLS_CERT_FILE; ' +
        'both must be replaced together',
      () => copyFile(second.key, files.GRPC_TLS_KEY_FILE),
    ],
    [
      'GRPC_TLS_CERT_FILE: the file holds no whole PEM certificate, or only a part of one',
      async () => {
        const pem = await readFile(first.cert, 'utf8');
        await writeFile(files.GRPC_TLS_CERT_FILE, pem + pem.slice(0, 200));
      },
    ],
    [
      'GRPC_TLS_CERT_FILE: the file holds no whole PEM certificate, or only a part of one',
      () => copyFile(first.key, files.GRPC_TLS_CERT_FILE),
    ],
    [
      'GRPC_TLS_CERT_FILE: the file holds a certificate that cannot be read: number 1',
      async () =>
        writeFile(files.GRPC_TLS_CERT_FILE, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
    ],
    [
      'GRPC_TLS_KEY_FILE: the file holds no PEM private key',
      async () => writeFile(files.GRPC_TLS_KEY_FILE, await readFile(first.cert)),
    ],
    ['GRPC_TLS_KEY_FILE: the file is empty', () => writeFile(files.GRPC_TLS_KEY_FILE, '')],
    [
      'GRPC_CLIENT_CA_FILE: the file does not exist',
      async () => void (files = { ...files, GRPC_CLIENT_CA_FILE: join(authority.folder, 'none.pem') }),
    ],
    [
      'GRPC_CLIENT_CA_FILE: the file holds no whole PEM certificate, or only a part of one',
      async () => void (files = { ...files, GRPC_CLIENT_CA_FILE: first.key }),
    ],
  ])('are named: %s', async (expected, spoil) => {
    expect(complaint()).toBe('none');
    await spoil();
    expect(complaint()).toBe(expected);
  });

  it('are refused if OpenSSL would not serve them, such as a key of 1024 bits', async () => {
    const [weakKey, weakCert] = [join(authority.folder, 'weak.key'), join(authority.folder, 'weak.pem')];
    const names = ['-subj', '/CN=weak', '-days', '1'];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:1024', '-nodes', '-keyout', weakKey, '-out', weakCert, ...names],
      { stdio: 'ignore' },
    );
    await put({ cert: weakCert, key: weakKey });
    expect(complaint()).toMatch(
      /^GRPC_TLS_CERT_FILE: the file holds a certificate that OpenSSL refuses: .*key too small/i,
    );
  });

  it('are refused before and after their time', () => {
    const { notAfterMs } = readCertificates(files);
    expect(() => readCertificates(files, notAfterMs)).toThrow(/GRPC_TLS_CERT_FILE: .* expired at 20/);
    expect(() => readCertificates(files, Date.now() - DAY_MS)).toThrow(/is not valid before 20/);
  });

  it('end soon for the last fifth of their time, of at most 14 days', async () => {
    const dates = async (days: number) => {
      const subject = ['-subj', '/CN=short', '-days', String(days), '-keyout', files.GRPC_TLS_KEY_FILE];
      const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
      execFileSync('openssl', [...made, ...subject, '-out', files.GRPC_TLS_CERT_FILE], { stdio: 'ignore' });
      const { notAfterMs, endsSoonMs } = readCertificates(files);
      return (notAfterMs - endsSoonMs) / DAY_MS;
    };
    expect(await dates(5)).toBeCloseTo(1);
    expect(await dates(300)).toBeCloseTo(14);
  });

  it('are refused if every user can write the authorities of clients', async () => {
    const authorities = join(authority.folder, 'writable.pem');
    await copyFile(authority.cert, authorities);
    files = { ...files, GRPC_CLIENT_CA_FILE: authorities };
    expect(complaint()).toBe('none');
    await chmod(authorities, 0o666);
    expect(complaint()).toBe(
      'GRPC_CLIENT_CA_FILE: the file can be written by every user; run chmod o-w on it',
    );
  });

  it('are refused if other users can read the private key', async () => {
    await chmod(files.GRPC_TLS_KEY_FILE, 0o644);
    expect(complaint()).toMatch(/^GRPC_TLS_KEY_FILE: the file can be read by other users/);
    await chmod(files.GRPC_TLS_KEY_FILE, 0o600);
  });
});

describe('a server above followed certificates', () => {
  let followed: FollowedCertificates;
  let server: GatewayServer;
  let loaded: string[];
  let refused: string[];
  let limited: string[];
  let port: number;

  const start = async (maxConnectionAgeMs = 3_600_000): Promise<void> => {
    [loaded, refused, limited] = [[], [], []];
    followed = followCertificates(files, {
      everyMs: EVERY_MS,
      onLoaded: ({ fingerprint }) => loaded.push(fingerprint),
      onRefused: ({ message }) => refused.push(message),
    });
    const handler = unary(
      async () => ({}),
      () => {},
    );
    const RotationService = Object.fromEntries(
      ['RotateSecretKey', 'GetRotation', 'ListRotations', 'WaitRotation', 'CancelRotation'].map((name) => [
        name,
        handler,
      ]),
    );
    const limits = limitsWith({ GATEWAY_MAX_CONNECTIONS: '5' });
    server = createServer(contract, { RotationService } as unknown as ServiceHandlers, {
      limits: { ...limits, handshakes: { ...limits.handshakes, withinMs: 500 } },
      onLimit: (limit) => limited.push(limit),
      tls: { credentials: followed.credentials, maxConnectionAgeMs },
    });
    port = await server.listen('127.0.0.1:0');
  };
  afterEach(async () => {
    followed.close();
    await server.close(100);
  });

  const call = (channel: ChannelCredentials): Promise<string> => {
    const client = new contract.v1.RotationService(`localhost:${port}`, channel);
    return new Promise<string>((resolve) => {
      client.getRotation({ id: 'rot_1' }, { deadline: Date.now() + 5000 }, (error: ServiceError | null) => {
        client.close();
        resolve(error ? `${error.code}` : 'answered');
      });
    });
  };
  const trusting = async (ca: string, own?: CertificatePaths): Promise<ChannelCredentials> =>
    credentials.createSsl(
      await readFile(ca),
      own ? await readFile(own.key) : null,
      own ? await readFile(own.cert) : null,
    );
  const UNAVAILABLE = '14';

  it('answers over TLS alone, and only who trusts it', async () => {
    await start();
    expect(await call(await trusting(authority.cert))).toBe('answered');
    expect(await call(await trusting(stranger.cert))).toBe(UNAVAILABLE);
    expect(await call(credentials.createInsecure())).toBe(UNAVAILABLE);
  });

  it('answers only clients with a certificate of its authorities, if it has some', async () => {
    files = { ...files, GRPC_CLIENT_CA_FILE: authority.cert };
    await start();
    const [own, foreign] = await Promise.all(
      [authority, stranger].map((one) => one.issue('client', ['URI:spiffe://example.com/billing'])),
    );
    expect(await call(await trusting(authority.cert, own))).toBe('answered');
    expect(await call(await trusting(authority.cert, foreign))).toBe(UNAVAILABLE);
    expect(await call(await trusting(authority.cert))).toBe(UNAVAILABLE);
  });

  const until = async (is: () => boolean): Promise<void> => {
    for (let waited = 0; !is() && waited < 5000; waited += 10) await sleep(10);
    expect(is()).toBe(true);
  };

  it('serves replaced certificates to new connections, and keeps those before until both fit', async () => {
    await start();
    await copyFile(second.cert, files.GRPC_TLS_CERT_FILE);
    await until(() => refused.length > 0 && refused.at(-1)!.includes('GRPC_TLS_KEY_FILE'));
    expect(refused.at(-1)).toContain('the private key of another certificate');
    const complaints = refused.length;
    await sleep(5 * EVERY_MS);
    expect(refused).toHaveLength(complaints);
    expect(followed.state()).toMatchObject({ refusedSinceMs: expect.any(Number) });
    expect(await call(await trusting(authority.cert))).toBe('answered');
    expect(loaded).toHaveLength(1);

    await copyFile(second.key, files.GRPC_TLS_KEY_FILE);
    await until(() => loaded.length === 2);
    expect(followed.state()).toEqual({ notAfterMs: expect.any(Number), endsSoonMs: expect.any(Number) });
    expect(await call(await trusting(authority.cert))).toBe('answered');
  });

  it('asks for certificates of replaced authorities', async () => {
    const authorities = join(authority.folder, 'clients.pem');
    await copyFile(authority.cert, authorities);
    files = { ...files, GRPC_CLIENT_CA_FILE: authorities };
    await start();
    const own = await authority.issue('client', []);
    const other = await stranger.issue('client', []);
    expect(await call(await trusting(authority.cert, own))).toBe('answered');
    await copyFile(stranger.cert, authorities);
    await until(() => loaded.length === 2);
    expect(await call(await trusting(authority.cert, own))).toBe(UNAVAILABLE);
    expect(await call(await trusting(authority.cert, other))).toBe('answered');
  });

  it('asks the client of an old connection to make a new one', async () => {
    await start(1000);
    const session = connect(`https://localhost:${port}`, { ca: await readFile(authority.cert) });
    const [code] = await once(session, 'goaway');
    expect(code).toBe(0);
    session.destroy();
  });

  it('ends connections without a finished handshake: the oldest of too many, and all in time', async () => {
    await start();
    const sockets: Socket[] = [];
    let ended = 0;
    for (let i = 0; i < 8; i += 1) {
      const socket = connectTcp(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.once('close', () => (ended += 1));
      sockets.push(socket);
    }
    await until(() => ended === 3);
    expect(await call(await trusting(authority.cert))).toBe('answered');
    await until(() => ended === 8);
    expect(limited.every((limit) => limit === 'handshakes')).toBe(true);
    for (const socket of sockets) socket.destroy();
  });
});
