import { X509Certificate } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { connect, type ClientHttp2Session } from 'node:http2';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createAuthority,
  launchApp,
  startRedis,
  type App,
  type CertificateAuthority,
  type CertificatePaths,
} from '@rekey/testing';

/*
 * A real gateway whose certificate is replaced again and again while clients call it, each with a certificate
 * of its own: every second time by what no gateway can serve.
 */

interface ReplacementOptions {
  seconds: number;
  everyMs: number;
  /** Clients that make a connection for each call; one more keeps its connection. */
  clients: number;
}

interface ReplacementVerdict {
  calls: number;
  /** Why calls failed, each once. */
  failures: string[];
  /** Connections that were served a certificate that was not whole in its place before. */
  wrong: number;
  /** How many certificates connections were served. */
  served: number;
  replacements: { whole: number; broken: number };
  /** What the gateway has logged: certificates loaded and refused. */
  logged: { loaded: number; refused: number };
}

const METHOD = '/rekey.v1.RotationService/ListRotations';
const EMPTY_MESSAGE = Buffer.alloc(5);

/** The status of a call, as text; its reason if it fails otherwise. */
const callOn = (session: ClientHttp2Session): Promise<string> =>
  new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': METHOD,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let status = 'none';
    stream.on('response', (headers) => (status = String(headers['grpc-status'] ?? status)));
    stream.on('trailers', (headers) => (status = String(headers['grpc-status'] ?? status)));
    stream.on('error', (error) => resolve(error.message));
    stream.on('close', () => resolve(status));
    stream.resume();
    stream.end(EMPTY_MESSAGE);
  });

const openSession = async (address: string, pems: Record<'ca' | 'cert' | 'key', Buffer>) => {
  const session = connect(`https://${address}`, pems);
  await new Promise<void>((resolve, reject) => {
    session.once('error', reject);
    session.once('connect', () => resolve());
  });
  session.on('error', () => {});
  const { fingerprint256 } = (session.socket as unknown as TLSSocket).getPeerCertificate();
  return { session, fingerprint: fingerprint256 };
};

/** What no gateway can serve, by turns. */
const breakFiles = async (
  turn: number,
  now: CertificatePaths,
  next: CertificatePaths,
  files: CertificatePaths,
): Promise<void> => {
  const half = async (path: string) => {
    const text = await readFile(path);
    return text.subarray(0, text.length / 2);
  };
  switch (turn % 4) {
    case 0:
      // A deployment that has replaced one of two files.
      return copyFile(next.cert, files.cert);
    case 1:
      return writeFile(files.cert, await half(next.cert));
    case 2:
      return copyFile(next.key, files.key);
    default:
      await copyFile(now.cert, files.cert);
      return writeFile(files.key, '');
  }
};

const startGateway = async (
  authority: CertificateAuthority,
  redisUrl: string,
  files: CertificatePaths,
): Promise<App> => {
  const access = join(authority.folder, 'access.yaml');
  await writeFile(access, 'bindings: [{principals: ["uri:spiffe://x/a"], role: viewer, orgs: ["*"]}]\n');
  return launchApp('gateway', {
    env: {
      REDIS_URL: redisUrl,
      GRPC_ADDRESS: '127.0.0.1:0',
      GRPC_TLS_CERT_FILE: files.cert,
      GRPC_TLS_KEY_FILE: files.key,
      GRPC_CLIENT_CA_FILE: authority.cert,
      REKEY_ACCESS_FILE: access,
    },
  });
};

const linesOf = (gateway: App, event: string): number =>
  gateway.output().split(`"event":"${event}"`).length - 1;

/** Replaces the files until the time is over. Notes which certificates were whole in their place. */
const replaceFiles = async (
  { seconds, everyMs }: ReplacementOptions,
  issued: readonly CertificatePaths[],
  files: CertificatePaths,
  onPlaced: (certificate: Buffer) => void,
): Promise<ReplacementVerdict['replacements']> => {
  const counts = { whole: 0, broken: 0 };
  const endMs = performance.now() + seconds * 1000;
  let current = 0;
  for (let turn = 0; performance.now() < endMs; turn += 1) {
    const [now, next] = [issued[current]!, issued[current + 1]!];
    if (turn % 2 === 0) {
      await breakFiles(turn / 2, now, next, files);
      counts.broken += 1;
    } else {
      // Before it is written: it may be read as soon as it is.
      onPlaced(await readFile(next.cert));
      await copyFile(next.cert, files.cert);
      await copyFile(next.key, files.key);
      current += 1;
      counts.whole += 1;
    }
    await sleep(everyMs);
  }
  return counts;
};

export const replaceCertificates = async (options: ReplacementOptions): Promise<ReplacementVerdict> => {
  const [redis, authority] = await Promise.all([startRedis(), createAuthority()]);
  const files = { cert: join(authority.folder, 'served.pem'), key: join(authority.folder, 'served.key') };
  // Each is in place once: one that comes back would be right whatever the gateway had done.
  const count = Math.ceil((options.seconds * 1000) / options.everyMs / 2) + 2;
  const issued = await Promise.all(
    Array.from({ length: count }, (_, i) => authority.issue(`gateway-${i}`, ['IP:127.0.0.1'])),
  );
  await copyFile(issued[0]!.cert, files.cert);
  await copyFile(issued[0]!.key, files.key);
  const own = await authority.issue('client', ['URI:spiffe://x/a']);
  const [ca, cert, key] = await Promise.all(
    [authority.cert, own.cert, own.key].map((path) => readFile(path)),
  );
  const pems = { ca: ca!, cert: cert!, key: key! };
  const gateway = await startGateway(authority, redis.url, files);
  const address = gateway.ready['address']!;

  const placed = new Set<string>();
  const place = (pem: Buffer) => void placed.add(new X509Certificate(pem).fingerprint256);
  place(await readFile(issued[0]!.cert));
  const served = new Set<string>();
  const failures = new Set<string>();
  let [calls, wrong] = [0, 0];
  const over = new AbortController();
  const note = (status: string) => {
    calls += 1;
    if (status !== '0') failures.add(status);
  };
  const callAnew = async (): Promise<void> => {
    while (!over.signal.aborted) {
      try {
        const { session, fingerprint } = await openSession(address, pems);
        served.add(fingerprint);
        if (!placed.has(fingerprint)) wrong += 1;
        note(await callOn(session));
        session.close();
      } catch (error) {
        note((error as Error).message);
      }
    }
  };
  const callOnOne = async (): Promise<void> => {
    const { session } = await openSession(address, pems);
    while (!over.signal.aborted) {
      note(await callOn(session));
      await sleep(5);
    }
    session.close();
  };
  try {
    const clients = [callOnOne(), ...Array.from({ length: options.clients }, callAnew)];
    const replacements = await replaceFiles(options, issued, files, place).finally(() => over.abort());
    await Promise.all(clients);
    if (gateway.output().includes('PRIVATE KEY')) throw new Error('the log has a private key');
    const logged = {
      loaded: linesOf(gateway, 'tls_certificates_loaded'),
      refused: linesOf(gateway, 'tls_certificates_refused'),
    };
    return { calls, failures: [...failures], wrong, served: served.size, replacements, logged };
  } finally {
    await gateway.child.kill();
    await redis.dispose();
    await authority.dispose();
  }
};
