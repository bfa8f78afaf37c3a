import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { X509Certificate, generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  addSigningKey,
  createKeyFile,
  createRegistryKey,
  generateConsumerKey,
  loadGatewayKeyFile,
  loadKeyFile,
  registryKeyBytes,
} from '@rekey/sealing';
import { areTrials, freePort, repositoryRoot, startRedis } from '@rekey/testing';
import { Redis } from 'ioredis';
import { parse } from 'yaml';
import { bulksOf } from '../bulk/bulks.ts';
import { expectTruth } from '../support/invariants.ts';
import { eventually, startSystem } from '../support/system.ts';
import { secretIn, setUpSecrets, urlOfUser, watchedUsers } from './compose-secrets.ts';

/* The secrets that `docker compose run --rm setup` creates, and what the users of Redis may do with them. */

/** A module that sets the clock of a process ahead. */
const clockAhead = (days: number): string =>
  `data:text/javascript,const{now}=Date;Date.now=()=>now()+${days}*864e5`;

let secrets: string;
beforeAll(async () => {
  secrets = await mkdtemp(join(tmpdir(), 'rekey-secrets-'));
});
afterAll(() => rm(secrets, { recursive: true }));

const setup = (consumers: string[] = [], env: Record<string, string> = {}): string =>
  setUpSecrets(secrets, consumers, env);
const renew = (aheadDays = 0): string =>
  execFileSync(process.execPath, [join(repositoryRoot, 'docker/renew-certificates.mjs')], {
    env: {
      SECRETS: secrets,
      SECRETS_OWNER: String(process.getuid!()),
      ...(aheadDays > 0 && { NODE_OPTIONS: `--import ${clockAhead(aheadDays)}` }),
    },
    encoding: 'utf8',
  });
const secret = (name: string): Promise<string> => secretIn(secrets, name);
const everySecret = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    await Promise.all((await readdir(secrets)).map(async (name) => [name, await secret(name)])),
  );
const rulesOf = async (user: string): Promise<string[]> => {
  const lines = (await secret('redis-users.acl')).split('\n');
  return lines
    .find((line) => line.startsWith(`user ${user} `))!
    .split(' ')
    .slice(2);
};
const urlOf = (user: string, port: number): Promise<string> => urlOfUser(secrets, user, port);
/** The rules of an ACL in a document, without the password. */
const documented = async (page: string, user: string): Promise<string[]> => {
  const text = await readFile(join(repositoryRoot, page), 'utf8');
  const rules = new RegExp(`^ACL SETUSER ${user} (.*?)^\`\`\`$`, 'ms').exec(text)![1]!.trim();
  return rules.split(/\s+/).filter((rule) => !rule.startsWith('>'));
};

describe('docker compose run --rm setup', () => {
  it('creates every secret that docker-compose.yml mounts, readable by their users only', async () => {
    setup([], { INVENT_API_KEY: ' hunter2\n' });
    const compose = await readFile(join(repositoryRoot, 'docker-compose.yml'), 'utf8');
    const mounted = [...compose.matchAll(/file: \.\/secrets\/(\S+)/g)].map(([, name]) => name!);
    expect(mounted).toHaveLength(11);
    expect(await readdir(secrets)).toEqual(expect.arrayContaining(mounted));
    for (const name of await readdir(secrets))
      expect([name, ((await stat(join(secrets, name))).mode & 0o777).toString(8)]).toEqual([
        name,
        { 'redis-users.acl': '444', 'access.yaml': '644' }[name] ?? '400',
      ]);
    expect(await secret('invent-api-key')).toBe('hunter2');
    expect((await loadKeyFile(join(secrets, 'key-file.json'))).exposed).toBe(false);
  });

  it('makes certificates of the gateway and of an administrator, and keeps them', async () => {
    const gateway = new X509Certificate(await secret('gateway-tls.pem'));
    const admin = new X509Certificate(await secret('admin-tls.pem'));
    expect(gateway.subjectAltName).toBe('DNS:gateway, DNS:localhost, IP Address:127.0.0.1');
    expect(admin.subjectAltName).toBe('URI:spiffe://rekey/admin');
    execFileSync('openssl', [
      'verify',
      '-x509_strict',
      '-CAfile',
      join(secrets, 'ca.pem'),
      ...['gateway-tls.pem', 'admin-tls.pem'].map((name) => join(secrets, name)),
    ]);
    const { bindings } = parse(await secret('access.yaml')) as { bindings: object[] };
    expect(bindings).toEqual([{ principals: ['spiffe://rekey/admin'], role: 'admin', orgs: ['*'] }]);
    await writeFile(join(secrets, 'access.yaml'), 'mine');
    setup();
    expect(await secret('access.yaml')).toBe('mine');
    expect(new X509Certificate(await secret('gateway-tls.pem')).fingerprint).toBe(gateway.fingerprint);
  });

  it('renews certificates that near their end, in place, and those of another authority', async () => {
    const { ino } = await stat(join(secrets, 'gateway-tls.pem'));
    expect(renew()).toBe('No certificate nears its end.\n');
    expect(renew(290)).toBe('No certificate nears its end.\n');
    expect(renew(300)).toBe('Renewed: gateway-tls, admin-tls.\n');
    expect((await stat(join(secrets, 'gateway-tls.pem'))).ino).toBe(ino);
    await rm(join(secrets, 'ca.pem'));
    expect(renew()).toBe('Renewed: ca, gateway-tls, admin-tls.\n');
    await rm(join(secrets, 'ca.key'));
    expect(renew).toThrow('run docker compose run --rm setup');
    setup();
  });

  it.each([
    ['gateway-tls.key', 'Renewed: gateway-tls.\n'],
    ['ca.key', 'Renewed: ca, gateway-tls, admin-tls.\n'],
  ])('makes a pair anew of which it wrote only %s before it was ended', async (name, renewed) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await chmod(join(secrets, name), 0o600);
    await writeFile(join(secrets, name), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    expect(renew()).toBe(renewed);
    expect(renew()).toBe('No certificate nears its end.\n');
  });

  it('writes no password to the file that Redis reads', async () => {
    const passwords = [
      await secret('redis-password-admin'),
      ...(await Promise.all(
        ['gateway', 'worker'].map(async (user) => new URL(await secret(`redis-url-${user}`)).password),
      )),
    ];
    expect(new Set(passwords.filter(({ length }) => length === 43)).size).toBe(3);
    const users = await secret('redis-users.acl');
    for (const password of passwords) expect(users).not.toContain(password);
  });

  it('keeps what exists, adds consumers, and keeps those', async () => {
    const before = await everySecret();
    setup(['billing']);
    setup(['chat']);
    setup();
    const { 'redis-users.acl': users, ...after } = await everySecret();
    const { 'redis-users.acl': usersBefore, ...others } = before;
    expect(after).toMatchObject(others);
    expect(users!.startsWith(usersBefore!)).toBe(true);
    expect(Object.keys(after)).toEqual(
      expect.arrayContaining(['redis-url-consumer-billing', 'redis-url-consumer-chat']),
    );
    expect(users).toMatch(/^user billing on #[0-9a-f]{64} .*\nuser chat on #[0-9a-f]{64} /m);
  });

  const names = areTrials ? ['Billing', 'worker', 'default', 'a b', '../x', ''] : ['worker', '../x'];
  it.each(names)('refuses a consumer named %j', (name) => {
    expect(() => setup([name])).toThrow('The name of a consumer');
  });

  it('makes the key file of the gateway from the key file, again if that is another one', async () => {
    const own = await secret('gateway-key.json');
    const { registryKey, exposed } = await loadGatewayKeyFile(join(secrets, 'gateway-key.json'));
    const { sealing } = await loadKeyFile(join(secrets, 'key-file.json'));
    expect([registryKey.kid, exposed]).toEqual([
      createRegistryKey(registryKeyBytes(sealing.bytes)).kid,
      false,
    ]);
    const text = await secret('key-file.json');
    await rm(join(secrets, 'key-file.json'));
    setup();
    expect(await secret('gateway-key.json')).not.toBe(own);
    await rm(join(secrets, 'key-file.json'));
    await writeFile(join(secrets, 'key-file.json'), text, { mode: 0o400 });
    setup();
    expect(await secret('gateway-key.json')).toBe(own);
    expect(await readdir(secrets)).not.toContain('gateway-key.new');
  });

  it('replaces the API key only if one is given', async () => {
    setup([], { INVENT_API_KEY: 'other' });
    setup();
    expect(await secret('invent-api-key')).toBe('other');
  });

  it('gives its users the documented rights', async () => {
    const rights = async (user: string) =>
      (await rulesOf(user)).filter((rule) => !rule.startsWith('#')).toSorted();
    const operate = 'docs/guides/operate.md';
    expect(await rights('worker')).toEqual((await documented(operate, 'rekey')).toSorted());
    expect(await rights('gateway')).toEqual((await documented(operate, 'rekey-gateway')).toSorted());
    expect(await rights('billing')).toEqual(
      (await documented('docs/guides/events.md', 'billing')).toSorted(),
    );
  });
});

describe('docker compose run --rm setup, after an upgrade', () => {
  let folder: string;
  let earlier: string;
  let env: Record<string, string>;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rekey-upgrade-'));
    earlier = join(folder, 'rekey.json');
    await createKeyFile(earlier);
    await mkdir(join(folder, 'secrets'));
    env = { SECRETS: join(folder, 'secrets'), EARLIER_KEY_FILE: earlier };
  });
  afterEach(() => rm(folder, { recursive: true }));
  const copied = () => join(folder, 'secrets/key-file.json');
  const text = (path: string) => readFile(path, 'utf8');

  it('copies the key file of the earlier version, once', async () => {
    setup([], env);
    setup([], env);
    expect(await text(copied())).toBe(await text(earlier));
    expect((await loadKeyFile(copied())).exposed).toBe(false);
  });

  it('keeps a signing key that was added to the copy', async () => {
    const { keys } = JSON.parse(await text(earlier));
    await writeFile(earlier, JSON.stringify({ keys: keys.slice(0, 2) }));
    setup([], env);
    await addSigningKey(copied());
    const before = await text(copied());
    setup([], env);
    expect(await text(copied())).toBe(before);
  });

  it('ends with 1 and changes nothing if there is another key file, and says what to do', async () => {
    await createKeyFile(copied());
    const before = await text(copied());
    expect(() => setup([], env)).toThrow('move secrets/key-file.json away and run this again');
    expect(await readdir(env['SECRETS']!)).toEqual(['key-file.json']);
    expect(await text(copied())).toBe(before);
    await rename(copied(), join(folder, 'away'));
    setup([], env);
    expect(await text(copied())).toBe(await text(earlier));
  });

  it('finds the key file in the volume of the earlier version', async () => {
    const compose = await readFile(join(repositoryRoot, 'docker-compose.yml'), 'utf8');
    expect(compose).toContain("'keys:/keys:ro'");
    expect(compose).toMatch(/^volumes:\n(  .*\n)*  keys:\n/m);
  });
});

describe('a Redis with these users', () => {
  it('lets nobody in without a password, and the health check do no more than PING', async () => {
    const server = await startRedis({ args: ['--aclfile', join(secrets, 'redis-users.acl')] });
    const as = (url: string) => new Redis(url, { enableReadyCheck: false }).on('error', () => {});
    const nobody = as(`redis://127.0.0.1:${server.port}`);
    await expect(nobody.get('{rekey}:ledger')).rejects.toThrow('NOAUTH');
    const health = as(`redis://health:any@127.0.0.1:${server.port}`);
    expect(await health.ping()).toBe('PONG');
    await expect(health.get('{rekey}:ledger')).rejects.toThrow('NOPERM');
    const gateway = as(await urlOf('gateway', server.port));
    for (const [command, ...args] of [
      ['set', '{rekey}:current:ast_1', '{}'],
      ['bgrewriteaof'],
      ['flushall'],
      ['set', 'other', '1'],
    ])
      await expect(gateway.call(command!, ...args)).rejects.toThrow('NOPERM');
    expect(await gateway.get('{rekey}:current:ast_1')).toBeNull();
    const consumer = as(await urlOf('consumer-billing', server.port));
    expect(await consumer.hget('{rekey}:consumers', 'billing')).toBeNull();
    for (const key of ['{rekey}:events', '{rekey}:consumers', '{rekey}:current:ast_1', '{rekey}:ledger'])
      await expect(consumer.call('set', key, '1')).rejects.toThrow('NOPERM');
    expect(await consumer.xadd('{rekey}:acks:billing', '*', 'ack', '{}')).toMatch(/^\d+-0$/);
    for (const key of ['{rekey}:acks', '{rekey}:acks:crm', '{rekey}:acks:billing2'])
      await expect(consumer.xadd(key, '*', 'ack', '{}')).rejects.toThrow('NOPERM');
    for (const args of [
      ['client', 'list'],
      ['client', 'kill', 'type', 'normal'],
      ['keys', '*'],
      ['acl', 'whoami'],
    ])
      await expect(consumer.call(args[0]!, ...args.slice(1))).rejects.toThrow('NOPERM');
    for (const redis of [nobody, health, gateway, consumer]) redis.disconnect();
    await server.dispose();
  });

  it('has every transaction again after a restart, which replays them as the user default', async () => {
    const server = await startRedis({
      persistence: 'always',
      args: ['--aclfile', join(secrets, 'redis-users.acl')],
    });
    const worker = new Redis(await urlOf('worker', server.port)).on('error', () => {});
    try {
      await worker.multi().set('{rekey}:a', '1').set('{rekey}:b', '2').exec();
      await server.kill();
      await server.restart();
      expect(await worker.mget('{rekey}:a', '{rekey}:b')).toEqual(['1', '2']);
    } finally {
      worker.disconnect();
      await server.dispose();
    }
  });

  it('has gateway and worker do all their work without a refused command', async () => {
    const port = await freePort();
    const users = await watchedUsers(secrets);
    const system = await startSystem({
      redis: { port, args: ['--aclfile', users] },
      gateway: { REDIS_URL: await urlOf('gateway', port) },
      worker: { REDIS_URL: await urlOf('worker', port), REKEY_SWEEP_EVERY_MS: '1000' },
    });
    const { client, redis } = system;
    try {
      expect(await system.rotateAndWait('ast_1')).toMatchObject({ state: 'SUCCEEDED' });
      const bulks = bulksOf(system);
      const bulk = await bulks.create({ orgId: 'org_demo', allAssistants: true });
      expect(await bulks.ended(bulk)).toMatchObject({ state: 'COMPLETED' });
      const policy = await client.createRotationPolicy({
        orgId: 'org_demo',
        everyDays: 30,
        allAssistants: true,
      });
      await client.deleteRotationPolicy(policy.id);
      await client.freeze({ reason: 'spec' });
      await client.cancelRotation((await system.rotate('ast_2')).id);
      await client.unfreeze();
      await client.getStatus();
      await client.listRotations();
      await client.getAssistant('ast_1');
      const { d: _, ...jwk } = await generateConsumerKey('X25519');
      await client.addConsumer({ name: 'billing', orgs: ['org_demo'], publicJwk: JSON.stringify(jwk) });
      await eventually(
        () => client.getConsumer('billing'),
        ({ state }) => state === 'ACTIVE',
      );
      await client.removeConsumer('billing');
      const sweep = await client.createSweep({ orgId: 'org_demo' });
      await eventually(
        () => client.getSweep(sweep.id),
        ({ state }) => state === 'SUCCEEDED',
      );
      expect(await redis.acl('LOG')).toEqual([]);
      await expectTruth(system);
    } finally {
      await system.stop();
    }
  });
});
