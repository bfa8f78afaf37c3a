import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Metadata, credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { loadContract } from '@rekey/rpc';
import { createAuthority, type CertificateAuthority } from '@rekey/testing';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { differenceOf, median, percentile, runInFlight, type Difference } from '../system/measure.ts';
import { ORG, assistant, startSystem, type System } from '../system/system.ts';
import { bold, ratioOf, table, whole } from '../system/table.ts';
import type { Part } from './part.ts';

/*
 * Accepting single rotations with TLS, identities and rights, in comparison with plain text without an access
 * file: in turns, one gateway at a time, and every call from the same kind of client.
 */

const IN_FLIGHT = 100;
const ONE_BY_ONE = 12_000;
const ONE_BY_ONE_WARM_UP = 1000;
const WARM_UP = 4000;
const ISSUER = 'https://idp.example.com';
const URI = 'spiffe://example.com/bench';

interface Figures {
  perSecond: number;
  cpuUs: number;
}

/** How one gateway is called. */
interface Variant {
  name: string;
  target?: number;
  env: Record<string, string>;
  channel: ChannelCredentials;
  /** The metadata of each call. */
  metadataOf(i: number): Metadata;
}

const contract = loadContract();
const nothing = new Metadata();
const bearing = (token: string): Metadata => {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
};

const variantsOf = async (authority: CertificateAuthority, calls: number): Promise<Variant[]> => {
  const [served, own] = await Promise.all([
    authority.issue('gateway', ['IP:127.0.0.1', 'DNS:localhost']),
    authority.issue('client', [`URI:${URI}`]),
  ]);
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const [jwks, accessFile] = ['jwks.json', 'access.yaml'].map((name) => join(authority.folder, name));
  await writeFile(
    jwks!,
    JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] }),
  );
  const file = {
    issuers: [{ issuer: ISSUER, audience: 'rekey', algorithms: ['ES256'], jwks }],
    bindings: [{ principals: [URI, `jwt:${ISSUER}#bench`], role: 'rotator', orgs: [ORG] }],
  };
  await writeFile(accessFile!, JSON.stringify(file));
  const tokens: Metadata[] = [];
  for (let i = 0; i < calls; i += 1) {
    const token = await new SignJWT({ iss: ISSUER, aud: 'rekey', sub: 'bench', jti: String(i) })
      .setExpirationTime('2h')
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .sign(privateKey);
    tokens.push(bearing(token));
  }
  const [ca, cert, key] = await Promise.all(
    [authority.cert, own.cert, own.key].map((path) => readFile(path)),
  );
  const env = {
    GRPC_TLS_CERT_FILE: served.cert,
    GRPC_TLS_KEY_FILE: served.key,
    GRPC_CLIENT_CA_FILE: authority.cert,
    REKEY_ACCESS_FILE: accessFile!,
    // One caller makes all calls: its limit is enforced, and not reached.
    GATEWAY_MAX_CALLER_CALLS_PER_SECOND: '1000000',
  };
  const tls = credentials.createSsl(ca!);
  return [
    {
      name: 'plain, no access file',
      env: {},
      channel: credentials.createInsecure(),
      metadataOf: () => nothing,
    },
    {
      name: 'mTLS with rights',
      target: 0.85,
      env,
      channel: credentials.createSsl(ca!, key!, cert!),
      metadataOf: () => nothing,
    },
    { name: 'TLS, one JWT', target: 0.85, env, channel: tls, metadataOf: () => tokens[0]! },
    {
      name: 'TLS, another JWT with each call',
      target: 0.6,
      env,
      channel: tls,
      metadataOf: (i) => tokens[i]!,
    },
  ];
};

interface Caller {
  rotate(index: number): Promise<void>;
  readonly pid: number;
  stop(): Promise<void>;
}

/** A gateway of a variant, and calls to it. */
const startCaller = async (system: System, variant: Variant): Promise<Caller> => {
  const gateway = await system.startGateway(variant.env);
  const client = new contract.v1.RotationService(gateway.app.ready['address']!, variant.channel);
  let calls = 0;
  return {
    rotate: (index) =>
      new Promise((resolve, reject) => {
        const request = { orgId: ORG, assistantId: assistant(index), requestId: crypto.randomUUID() };
        const options = { deadline: Date.now() + 60_000 };
        client.RotateSecretKey(request, variant.metadataOf(calls++), options, (error) =>
          error ? reject(error) : resolve(),
        );
      }),
    pid: gateway.app.child.pid,
    stop: async () => {
      client.close();
      await gateway.stop();
    },
  };
};

const measureRate = async (system: System, count: number, variant: Variant): Promise<Figures> => {
  const caller = await startCaller(system, variant);
  await runInFlight(WARM_UP, 10, (i) => caller.rotate(count + i));
  const { perSecond, cpuUs } = await system.measureCosts([caller.pid], count, () =>
    runInFlight(count, IN_FLIGHT, caller.rotate),
  );
  await caller.stop();
  await system.clear();
  return { perSecond, cpuUs };
};

/**
 * What calls one at a time take, in ms, of each of two variants. Both gateways run at once and the calls take
 * turns, so that whatever else the machine does meets each of them alike.
 */
const measureOneByOne = async (system: System, variants: Variant[]): Promise<number[][]> => {
  const callers: Caller[] = [];
  for (const variant of variants) callers.push(await startCaller(system, variant));
  const latencies = variants.map((): number[] => []);
  let next = 0;
  for (const { rotate } of callers) await runInFlight(WARM_UP, 10, () => rotate(next++));
  for (let turn = -ONE_BY_ONE_WARM_UP; turn < ONE_BY_ONE; turn += 1)
    for (const offset of callers.keys()) {
      const which = Math.abs(turn + offset) % callers.length;
      const beganMs = performance.now();
      await callers[which]!.rotate(next++);
      if (turn >= 0) latencies[which]!.push(performance.now() - beganMs);
    }
  for (const caller of callers) await caller.stop();
  await system.clear();
  return latencies;
};

const SHARES = [0.5, 0.95, 0.99];

const intervalOf = ({ value, low, high }: Difference): string =>
  `${bold(value.toFixed(2))} (${low.toFixed(2)} to ${high.toFixed(2)})`;

const oneByOneTable = ([plain, other]: [Variant, Variant], latencies: [number[], number[]]): string =>
  table(
    [`${whole(latencies[0].length)} calls each, one at a time, in turns`, 'p50 ms', 'p95 ms', 'p99 ms'],
    [
      ...[plain, other].map(({ name }, i) => [
        name,
        ...SHARES.map((share) => percentile(latencies[i]!, share).toFixed(2)),
      ]),
      [
        bold('more with TLS (95 % interval)'),
        ...SHARES.map((share) => intervalOf(differenceOf(...latencies, share))),
      ],
      ['at most', '', '', '0.30'],
    ],
  );

/** Accepting with identities and rights against accepting without: the same calls. */
export const access: Part = async ({ rotations, rounds }, progress) => {
  const authority = await createAuthority();
  const system = await startSystem({ assistants: 1 });
  const variants = await variantsOf(authority, rotations + WARM_UP);
  const figures = variants.map((): Figures[] => []);
  const compared = variants.slice(0, 2) as [Variant, Variant];
  const oneByOne: [number[], number[]] = [[], []];
  for (let round = 1; round <= rounds; round += 1) {
    for (const [i, variant] of variants.entries()) {
      progress(`access, round ${round} of ${rounds}: ${variant.name}`);
      figures[i]!.push(await measureRate(system, rotations, variant));
    }
    progress(`access, round ${round} of ${rounds}: one at a time`);
    const latencies = await measureOneByOne(system, compared);
    for (const [i, list] of latencies.entries()) oneByOne[i]!.push(...list);
  }
  await system.stop();
  await authority.dispose();
  const of = (i: number, pick: (one: Figures) => number) => median(figures[i]!.map(pick));
  const rates = table(
    [
      `accepting ${whole(rotations)} over gRPC, ${IN_FLIGHT} in flight`,
      'a second',
      '/ plain',
      'at least',
      'gateway CPU µs',
    ],
    variants.map(({ name, target }, i) => [
      name,
      whole(of(i, (f) => f.perSecond)),
      ratioOf(
        of(i, (f) => f.perSecond),
        of(0, (f) => f.perSecond),
      ),
      target === undefined ? '' : target.toFixed(2),
      whole(of(i, (f) => f.cpuUs)),
    ]),
  );
  return `${rates}\n\n${oneByOneTable(compared, oneByOne)}`;
};
