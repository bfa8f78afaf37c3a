import { createServer, type Server } from 'node:http';
import { readFile, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRekeyClient, type RekeyClient } from '@rekey/client';
import { createAuthority, type App, type CertificateAuthority } from '@rekey/testing';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { addConsumer } from '../consumers/registry-fixture.ts';
import { refusal } from '../support/refusal.ts';
import { startRekey } from '../support/rekey.ts';
import { eventually, startSystem, type System } from '../support/system.ts';

const ORG = 'org_demo';
const ISSUER = 'https://idp.example.com';
const NAMES = ['viewer', 'rotator', 'operator', 'admin', 'other', 'auditor', 'stranger'] as const;
type Name = (typeof NAMES)[number];

let system: System;
let authority: CertificateAuthority;
let gateway: App;
let address: string;
let issuer: Server;
let signed: (claims: object) => Promise<string>;
let accessFile: string;
const clients = {} as Record<Name, RekeyClient>;

const uri = (name: string) => `spiffe://example.com/${name}`;
const bindings = (viewerOrgs: string[] = [ORG]) => [
  { principals: [uri('viewer')], role: 'viewer', orgs: viewerOrgs },
  { principals: [uri('rotator'), `jwt:${ISSUER}#nightly`], role: 'rotator', orgs: [ORG] },
  { principals: [uri('operator'), `group:${ISSUER}#platform`], role: 'operator', orgs: [ORG] },
  { principals: [uri('admin')], role: 'admin', orgs: ['*'] },
  { principals: [uri('other')], role: 'admin', orgs: ['org_other'] },
  { principals: [uri('auditor')], role: 'auditor', orgs: ['*'] },
];
const putAccess = (all: object[], jwks: string) =>
  writeFile(
    accessFile,
    JSON.stringify({
      issuers: [{ issuer: ISSUER, audience: 'rekey', algorithms: ['ES256'], jwks, groups: 'groups' }],
      bindings: all,
    }),
  );
let jwksUrl: string;

beforeAll(async () => {
  [system, authority] = await Promise.all([
    startSystem({ simulator: ['--latency-ms', '20'] }),
    createAuthority(),
  ]);
  const pair = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256' };
  issuer = createServer((_request, response) => response.end(JSON.stringify({ keys: [jwk] })));
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  jwksUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks`;
  signed = (claims) =>
    new SignJWT({ iss: ISSUER, aud: 'rekey', exp: Math.floor(Date.now() / 1000) + 600, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .sign(pair.privateKey);

  accessFile = join(authority.folder, 'access.yaml');
  await putAccess(bindings(), jwksUrl);
  const served = await authority.issue('gateway', ['IP:127.0.0.1']);
  gateway = await system.startGateway({
    GRPC_TLS_CERT_FILE: served.cert,
    GRPC_TLS_KEY_FILE: served.key,
    GRPC_CLIENT_CA_FILE: authority.cert,
    REKEY_ACCESS_FILE: accessFile,
    GATEWAY_HEALTH_ADDRESS: '127.0.0.1:0',
  });
  address = gateway.ready['address']!;
  for (const name of NAMES) {
    const own = await authority.issue(name, [`URI:${uri(name)}`]);
    clients[name] = createRekeyClient({
      address,
      retry: false,
      tls: { ca: { file: authority.cert }, cert: { file: own.cert }, key: { file: own.key } },
    });
  }
});
afterAll(async () => {
  for (const client of Object.values(clients)) client.close();
  issuer.close();
  await system.stop();
  await authority.dispose();
});

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'OK',
    (error: { code: string }) => error.code,
  );
const rotate = (client: RekeyClient, assistantId = 'ast_1', orgId = ORG) =>
  client.rotateSecretKey({ orgId, assistantId });

describe('what each caller may do', () => {
  it('rotate: who has the role, in its orgs', async () => {
    const codes: Record<string, string> = {};
    for (const name of NAMES) codes[name] = await codeOf(rotate(clients[name]));
    expect(codes).toEqual({
      viewer: 'NOT_PERMITTED',
      rotator: 'OK',
      operator: 'OK',
      admin: 'OK',
      other: 'NOT_PERMITTED',
      auditor: 'NOT_PERMITTED',
      stranger: 'NOT_PERMITTED',
    });
  });

  it('see a rotation: others learn what they would learn of one that does not exist', async () => {
    const { id } = await rotate(clients.rotator, 'ast_2');
    const missing = 'rot_01ARZ3NDEKTSV4RRFFQ69G5FAV';
    expect(await codeOf(clients.viewer.getRotation(id))).toBe('OK');
    const errorOf = (of: string) =>
      clients.other.getRotation(of).then(
        () => undefined,
        ({ code, message, info }: { code: string; message: string; info: object }) =>
          JSON.stringify({ code, message, info }).replaceAll(of, 'ID'),
      );
    expect(await errorOf(id)).toContain('ROTATION_NOT_FOUND');
    expect(await errorOf(id)).toBe(await errorOf(missing));
    expect(await codeOf(clients.other.cancelRotation(id))).toBe('ROTATION_NOT_FOUND');
    expect(await codeOf(clients.viewer.cancelRotation(id))).toBe('NOT_PERMITTED');
    expect((await clients.viewer.getRotation(id)).requestedBy).toBe(`uri:${uri('rotator')}`);
    expect(await codeOf(clients.stranger.getRotation(id))).toBe('NOT_PERMITTED');
  });

  it('lists hold only what the caller may see, with full pages', async () => {
    for (let i = 3; i < 9; i += 1) await rotate(clients.rotator, `ast_${i}`);
    const page = await clients.viewer.listRotations({ pageSize: 3 });
    expect(page.rotations).toHaveLength(3);
    const none = await clients.other.listRotations({ pageSize: 3 });
    expect(none.rotations).toEqual([]);
    expect((await clients.other.listRotations({ orgId: ORG })).rotations).toEqual([]);
    expect(await codeOf(clients.stranger.listRotations({}))).toBe('NOT_PERMITTED');
  });

  it('see the status of everything: only who may see every org', async () => {
    expect(await codeOf(clients.admin.getStatus())).toBe('OK');
    expect(await codeOf(clients.viewer.getStatus())).toBe('NOT_PERMITTED');
    expect(await codeOf(clients.other.freeze({ reason: 'no' }))).toBe('NOT_PERMITTED');
  });

  it('not take a consumer from the orgs of others', async () => {
    await addConsumer({ client: clients.admin }, 'billing', [ORG]);
    const take = { name: 'billing', orgs: ['org_other'] };
    expect(await codeOf(clients.other.setConsumerOrgs(take))).toBe('CONSUMER_NOT_FOUND');
    expect(await clients.admin.getConsumer('billing')).toMatchObject({ orgs: [ORG] });
  });
});

describe('health and reflection', () => {
  it('health answers everybody with a certificate', async () => {
    expect(await clients.stranger.health()).toBe('SERVING');
  });
});

describe('a token', () => {
  const using = async <T>(claims: object, use: (client: RekeyClient) => Promise<T>): Promise<T> => {
    const tls = { ca: { file: authority.cert } };
    const client = createRekeyClient({ address, retry: false, tls, token: await signed(claims) });
    try {
      return await use(client);
    } finally {
      client.close();
    }
  };

  it('identifies a caller without a certificate', async () => {
    expect(await using({ sub: 'nightly' }, (client) => codeOf(rotate(client, 'ast_11')))).toBe('OK');
    expect(await using({ sub: 'anna' }, (client) => codeOf(rotate(client, 'ast_11')))).toBe('NOT_PERMITTED');
    const groups = ['platform'];
    expect(await using({ sub: 'anna', groups }, (client) => codeOf(rotate(client, 'ast_11')))).toBe('OK');
    expect(await using({ sub: 'nightly', aud: 'other' }, (client) => codeOf(rotate(client)))).toBe(
      'NOT_AUTHENTICATED',
    );
  });

  it('beside a certificate decides nothing, and must be valid', async () => {
    const own = await authority.issue('both', [`URI:${uri('viewer')}`]);
    const tls = { ca: { file: authority.cert }, cert: { file: own.cert }, key: { file: own.key } };
    const call = async (token: string) => {
      const client = createRekeyClient({ address, retry: false, tls, token });
      const code = await codeOf(rotate(client));
      client.close();
      return code;
    };
    expect(await call(await signed({ sub: 'nightly' }))).toBe('NOT_PERMITTED');
    expect(await call(await signed({ sub: 'nightly', iss: 'https://evil' }))).toBe('NOT_AUTHENTICATED');
  });

  it('is read from a file by rekey, and passes in no log', async () => {
    const path = join(authority.folder, 'token');
    const token = await signed({ sub: 'nightly' });
    await writeFile(path, `${token}\n`);
    const env = { GRPC_ADDRESS: address, REKEY_TLS_CA_FILE: authority.cert, REKEY_TOKEN_FILE: path };
    const { code } = await startRekey(system, ['rotate', ORG, 'ast_12'], { env }).result;
    expect(code).toBe(0);
    expect(system.output()).not.toContain(token.split('.')[2]);
  });

  it('none at all is nobody, except for health', async () => {
    const client = createRekeyClient({ address, retry: false, tls: { ca: { file: authority.cert } } });
    expect(await codeOf(client.listRotations({}))).toBe('NOT_AUTHENTICATED');
    expect(await client.health()).toBe('SERVING');
    client.close();
  });

  it('that expires ends a watch', async () => {
    const bulk = await clients.operator.createBulkRotation({
      orgId: ORG,
      assistantIds: Array.from({ length: 400 }, (_, i) => `ast_${i + 20}`),
    });
    await clients.operator.pauseBulkRotation(bulk.id);
    const exp = Math.floor(Date.now() / 1000) - 25;
    const ended = await using({ sub: 'anna', groups: ['platform'], exp }, async (client) => {
      try {
        for await (const { state } of client.watchBulkRotation(bulk.id))
          if (state === 'COMPLETED') return 'no';
        return 'ended';
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
    expect(ended).toBe('NOT_AUTHENTICATED');
    await clients.operator.cancelBulkRotation(bulk.id);
  });
});

describe('an access token that rekey makes', () => {
  const asAdmin = async (): Promise<Record<string, string>> => {
    const own = await authority.issue('boss', [`URI:${uri('admin')}`]);
    return {
      GRPC_ADDRESS: address,
      REKEY_TLS_CA_FILE: authority.cert,
      REKEY_TLS_CERT_FILE: own.cert,
      REKEY_TLS_KEY_FILE: own.key,
    };
  };

  it('identifies its caller until it is revoked, which ends a watch, and is in no log', async () => {
    const env = await asAdmin();
    const path = join(authority.folder, 'made.token');
    const args = ['--name', 'made', '--role', 'operator', '--org', ORG, '--ttl', '1h', '--output-file', path];
    const created = await startRekey(system, ['token', 'create', ...args], { env }).result;
    expect(created.code).toBe(0);
    const secret = (await readFile(path, 'utf8')).trim();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(`${created.out}${created.err}${system.output()}`).not.toContain(secret.slice(6, 30));

    const client = createRekeyClient({
      address,
      retry: false,
      tls: { ca: { file: authority.cert } },
      token: { file: path },
    });
    try {
      expect(await client.whoAmI()).toMatchObject({ principal: 'token:made', grants: [{ orgs: [ORG] }] });
      expect(await codeOf(client.getStatus())).toBe('NOT_PERMITTED');
      const bulk = await client.createBulkRotation({
        orgId: ORG,
        assistantIds: Array.from({ length: 400 }, (_, i) => `ast_${i + 20}`),
      });
      await client.pauseBulkRotation(bulk.id);
      const { promise: isWatching, resolve: noteWatching } = Promise.withResolvers<void>();
      const watching = (async () => {
        for await (const _ of client.watchBulkRotation(bulk.id)) noteWatching();
      })();
      const ended = codeOf(watching);
      await isWatching;
      // At another gateway.
      await system.client.revokeToken('made');
      const revokedMs = performance.now();
      expect(await ended).toBe('NOT_AUTHENTICATED');
      expect(performance.now() - revokedMs).toBeLessThan(5000);
      expect(await codeOf(client.listRotations({}))).toBe('NOT_AUTHENTICATED');
      await clients.operator.cancelBulkRotation(bulk.id);
    } finally {
      client.close();
    }
  });
});

describe('a long call', () => {
  it('ends within 5 s after its caller lost the right', async () => {
    const bulk = await clients.operator.createBulkRotation({
      orgId: ORG,
      assistantIds: Array.from({ length: 200 }, (_, i) => `ast_${i + 20}`),
    });
    let ended: unknown;
    const watching = (async () => {
      for await (const { state } of clients.viewer.watchBulkRotation(bulk.id))
        if (state === 'COMPLETED') return;
    })().catch((error: unknown) => (ended = error));
    await putAccess(bindings(['org_other']), jwksUrl);
    const sinceMs = performance.now();
    await Promise.race([watching, new Promise((resolve) => setTimeout(resolve, 20_000))]);
    expect(performance.now() - sinceMs).toBeLessThan(15_000);
    expect(ended).toMatchObject({ code: 'BULK_NOT_FOUND' });
    await putAccess(bindings(), jwksUrl);
    await eventually(
      () => codeOf(clients.viewer.getBulkRotation(bulk.id)),
      (code) => code === 'OK',
    );
  });
});

describe('activity', () => {
  const typesSeenBy = async (name: Name, filter: object): Promise<string[]> =>
    (await clients[name].listActivity({ ...filter, pageSize: 500 })).records.map(({ type }) => type);

  it('names who did what, and who was denied what, to those who may see the org', async () => {
    const { id } = await rotate(clients.rotator, 'ast_13');
    const target = `rotation:${id}`;
    expect(await codeOf(clients.other.getRotation(id))).toBe('ROTATION_NOT_FOUND');
    const { records } = await clients.auditor.listActivity({ target });
    expect(records.at(-1)).toMatchObject({
      type: 'rotation.requested',
      principal: `uri:${uri('rotator')}`,
      orgId: ORG,
      assistantId: 'ast_13',
    });
    const denied = { principal: uri('other'), types: ['access.*'] };
    await eventually(
      () => typesSeenBy('viewer', { ...denied, target: 'method:RotationService/GetRotation' }),
      (types) => types.includes('access.denied'),
    );
    expect(await typesSeenBy('viewer', { target })).toEqual(await typesSeenBy('auditor', { target }));
    expect(await typesSeenBy('other', { target })).toEqual([]);
    expect(await codeOf(clients.stranger.listActivity())).toBe('NOT_PERMITTED');
    expect(await codeOf(clients.auditor.getRotation(id))).toBe('NOT_PERMITTED');
  });

  it('of Rekey as a whole is for those who may see every org', async () => {
    await clients.admin.freeze({ reason: 'spec' });
    await clients.admin.unfreeze();
    const types = ['freeze.*'];
    expect(await typesSeenBy('auditor', { types })).toEqual(['freeze.lifted', 'freeze.set']);
    expect(await typesSeenBy('viewer', { types })).toEqual([]);
  });

  it('of callers without a valid token is recorded, and nothing of their tokens', async () => {
    const token = await signed({ sub: 'nightly', aud: 'other' });
    const client = createRekeyClient({ address, retry: false, tls: { ca: { file: authority.cert } }, token });
    expect(await codeOf(client.listSweeps())).toBe('NOT_AUTHENTICATED');
    client.close();
    const types = ['access.unauthenticated'];
    await eventually(
      () => clients.auditor.listActivity({ types, target: 'method:SweepService/ListSweeps' }),
      ({ records }) => records[0]?.principal === 'anonymous',
    );
    const stream = JSON.stringify(await system.redis.xrange('{rekey}:activity', '-', '+'));
    for (const part of token.split('.')) expect(stream).not.toContain(part);
  });

  it('has no denied call of rekey health without an identity', async () => {
    const denied = async () =>
      (await system.redis.xrevrange('{rekey}:activity', '+', '-', 'COUNT', 1000)).filter(
        ([, fields]) => fields.includes('method:SystemService/GetStatus') && fields.includes('anonymous'),
      ).length;
    const before = await denied();
    const options = ['--gateway', address, '--tls-ca', authority.cert];
    const { code, out } = await startRekey(system, ['health', ...options]).result;
    expect([code, out]).toEqual([0, 'SERVING\n']);
    expect(await denied()).toBe(before);
  });

  it('of the only right is watched no longer than 5 s after it was taken away', async () => {
    let begun = (): void => {};
    const hasBegun = new Promise<void>((resolve) => (begun = resolve));
    let ended: unknown;
    const watching = (async () => {
      for await (const { type } of clients.auditor.watchActivity({}, { onBegin: begun }))
        if (type === 'never') return;
    })().catch((error: unknown) => (ended = error));
    await hasBegun;
    await putAccess(
      bindings().filter(({ role }) => role !== 'auditor'),
      jwksUrl,
    );
    const sinceMs = performance.now();
    await Promise.race([watching, new Promise((resolve) => setTimeout(resolve, 20_000))]);
    expect(performance.now() - sinceMs).toBeLessThan(15_000);
    expect(ended).toMatchObject({ code: 'NOT_PERMITTED' });
    await putAccess(bindings(), jwksUrl);
    await eventually(
      () => codeOf(clients.auditor.listActivity()),
      (code) => code === 'OK',
    );
  });
});

describe('the access file', () => {
  it('that is spoiled leaves the one before in force, and is named', async () => {
    await writeFile(accessFile, 'bindings: [');
    await eventually(
      async () => gateway.output(),
      (output) => output.includes('"event":"access_refused"'),
    );
    expect(await codeOf(rotate(clients.rotator, 'ast_10'))).toBe('OK');
    const metrics = await (await fetch(`http://${gateway.ready['health_address']}/metrics`)).text();
    expect(metrics).toContain('rekey_gateway_access_file_refused 1');
    await putAccess(bindings(), jwksUrl);
  });

  it('keeps the gateway from starting if it cannot be used', async () => {
    const path = join(authority.folder, 'bad.yaml');
    await writeFile(path, JSON.stringify({ bindings: [{ principals: ['me'], role: 'root', orgs: [''] }] }));
    const { code, text } = await refusal('gateway', { ...system.environment, REKEY_ACCESS_FILE: path });
    expect(code).toBe(1);
    expect(text).toContain('bindings[1].role: must be one of viewer, rotator, operator, admin');
  });
});

describe('rekey', () => {
  it('says which permission is missing', async () => {
    const own = await authority.issue('cli', [`URI:${uri('viewer')}`]);
    const { code, err } = await startRekey(system, ['rotate', ORG, 'ast_1'], {
      env: {
        GRPC_ADDRESS: address,
        REKEY_TLS_CA_FILE: authority.cert,
        REKEY_TLS_CERT_FILE: own.cert,
        REKEY_TLS_KEY_FILE: own.key,
      },
    }).result;
    expect(err).toContain('NOT_PERMITTED');
    expect(err).toContain('rotations.create');
    expect(code).toBe(1);
  });
});

describe('an address whose calls name nobody', () => {
  it('is refused before its tokens are verified, and named; callers that are known go on', async () => {
    const tls = { ca: { file: authority.cert } };
    const nobody = createRekeyClient({ address, retry: false, tls, token: 'a.bad.token' });
    const codes = new Set<string>();
    const isLimited = () => codes.has('TOO_MANY_FAILED_AUTHENTICATIONS');
    for (let i = 0; i < 20 && !isLimited(); i += 1) {
      const calls = Array.from({ length: 100 }, () => codeOf(nobody.listRotations({})));
      for (const code of await Promise.all(calls)) codes.add(code);
    }
    nobody.close();
    expect([...codes].toSorted()).toEqual(['NOT_AUTHENTICATED', 'TOO_MANY_FAILED_AUTHENTICATIONS']);
    const { limitedCallers } = await clients.admin.getStatus();
    expect(limitedCallers).toMatchObject([{ caller: '127.0.0.1', limit: 'failed-authentications' }]);
    const metrics = await (await fetch(`http://${gateway.ready['health_address']}/metrics`)).text();
    expect(metrics).toContain('rekey_gateway_callers_at_limit{limit="failed-authentications"} 1');
    expect(metrics).toMatch(/rekey_gateway_refused_total\{limit="failed-authentications"\} [1-9]/);
    const own = await authority.issue('status', [`URI:${uri('admin')}`]);
    const { out } = await startRekey(system, ['status'], {
      env: {
        GRPC_ADDRESS: address,
        REKEY_TLS_CA_FILE: authority.cert,
        REKEY_TLS_CERT_FILE: own.cert,
        REKEY_TLS_KEY_FILE: own.key,
      },
    }).result;
    expect(out).toMatch(/failed-authentications +127\.0\.0\.1 +\d[\d,]* refused since 20/);
  });
});
