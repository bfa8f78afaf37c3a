import { spawnSync } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { freePort } from '@rekey/testing';
import { describeIf, succeeds } from '../support/describe-if.ts';
import { blocksOf } from '../support/documents.ts';
import { freshCopy } from '../support/fresh-copy.ts';

/*
 * What the documentation says about containers, as pasted, in a fresh copy of the repository: needs a Docker
 * engine with Compose that has, or can get, the base images. It replaces the images `rekey` and
 * `rekey-simulator` of that engine.
 */

const PROJECT = `rekey-spec-${process.pid}`;
const hasEngine =
  succeeds('docker', ['info'], 'the images and docker-compose.yml need a Docker engine') &&
  succeeds('docker', ['compose', 'version'], 'docker-compose.yml needs docker compose');

describeIf(hasEngine)('docker-compose.yml, as docs/guides/operate.md has it pasted', () => {
  let copy: Awaited<ReturnType<typeof freshCopy>>;
  let port: number;
  const used: string[] = [];

  const shell = (command: string, folder = copy.folder, env: Record<string, string> = {}) => {
    const { status, stdout, stderr } = spawnSync('bash', ['-c', command], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      env: { ...process.env, COMPOSE_PROJECT_NAME: PROJECT, GRPC_PORT: String(port), ...env },
    });
    used.push(stdout, stderr);
    return { code: status, out: stdout, err: stderr };
  };
  const succeed = (command: string, folder?: string, env?: Record<string, string>): string => {
    const { code, out, err } = shell(command, folder, env);
    if (code !== 0) throw new Error(`${command}: ${code} ${out}${err}`);
    return out;
  };
  const inspect = (image: string) =>
    JSON.parse(succeed(`docker image inspect ${image}`))[0] as {
      Size: number;
      Config: { Labels: Record<string, string>; Env: string[]; User: string };
    };
  const rekey = (args: string) => succeed(`docker compose exec -T worker rekey ${args}`);
  const worker = (command: string) => succeed(`docker compose exec -T worker ${command}`);
  const secrets = async (): Promise<string[]> => {
    const read = (name: string) => readFile(join(copy.folder, 'secrets', name), 'utf8');
    const keys = (JSON.parse(await read('key-file.json')) as { keys: { k?: string; d?: string }[] }).keys;
    const urls = await Promise.all(['redis-url-gateway', 'redis-url-worker'].map(read));
    const passwords = urls.map((url) => new URL(url.trim()).password);
    return [...keys.flatMap(({ k, d }) => k ?? d ?? []), ...passwords];
  };

  beforeAll(async () => {
    copy = await freshCopy();
    port = await freePort();
  });
  afterAll(async () => {
    const sidecar = join(copy.folder, 'examples/agent/compose');
    shell('docker compose --project-name "$COMPOSE_PROJECT_NAME-shop" down --volumes --timeout 5', sidecar);
    shell('docker compose --profile setup down --volumes --timeout 5');
    await copy.dispose();
  });

  it('starts, rotates a first key, shows its event, and has nothing to complain about', async () => {
    const [block] = await blocksOf('docs/guides/operate.md', 'sh');
    const commands = block!.split('\n').map((line) => line.replace(/ +# .*/, '').trim());
    expect(commands.at(-1)).toBe('docker compose down');
    const outputs = commands
      .slice(0, -1)
      .map((command) => succeed(command.replace('exec worker', 'exec -T worker')));
    expect(outputs.join('')).toContain('SUCCEEDED');
    expect(outputs.join('')).toContain('ast_1');
  }, 900_000);

  it('records who rotated it', () => {
    const records = rekey('activity --json')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const requested = records.find(({ type }) => type === 'rotation.requested');
    expect(JSON.stringify(requested)).toContain('spiffe://rekey/admin');
  });

  it('has no secret in an environment, an argument, or a log', async () => {
    const names = ['gateway', 'worker', 'redis'];
    const containers = names.map((name) => succeed(`docker compose ps --quiet ${name}`).trim());
    const shown = succeed(`docker inspect ${containers.join(' ')}`) + succeed('docker compose logs');
    expect((await secrets()).length).toBeGreaterThanOrEqual(4);
    expect((await secrets()).filter((secret) => shown.includes(secret))).toEqual([]);
    for (const name of ['gateway', 'worker'])
      expect(succeed(`docker compose exec -T ${name} env`)).not.toMatch(/API_KEY=|PASSWORD|REDIS_URL=/);
  });

  it('has an image without simulator, tests, their packages and sources, and with a user of its own', () => {
    expect(worker('ls apps libs').split('\n')).not.toContain('simulator');
    expect(worker('ls apps').trim().split('\n')).toEqual(['cli', 'gateway', 'worker']);
    expect(worker("find apps libs -name '*.ts' -not -name '*.d.ts'")).toBe('');
    expect(shell('docker compose exec -T worker ls node_modules/jest node_modules/typescript').code).not.toBe(
      0,
    );
    expect(inspect('rekey').Config.User).toBe('node');
    expect(worker('id -u').trim()).toBe('1000');
  });

  it('has labels of the Open Container Initiative', () => {
    const args = 'VERSION=1.2.3 REVISION=abc CREATED=2026-01-01T00:00:00Z SOURCE=https://example.com/rekey'
      .split(' ')
      .map((arg) => `--build-arg ${arg}`);
    succeed(`docker build --quiet --tag ${PROJECT} ${args.join(' ')} .`);
    const { Labels } = inspect(PROJECT).Config;
    succeed(`docker image rm ${PROJECT}`);
    expect(Labels).toMatchObject({
      'org.opencontainers.image.title': 'Rekey',
      'org.opencontainers.image.version': '1.2.3',
      'org.opencontainers.image.revision': 'abc',
      'org.opencontainers.image.created': '2026-01-01T00:00:00Z',
      'org.opencontainers.image.source': 'https://example.com/rekey',
      'org.opencontainers.image.base.name': 'node:24-bookworm-slim',
    });
  }, 600_000);

  it('serves the sidecar of examples/agent, whose program signs with the key in force', async () => {
    const folder = join(copy.folder, 'examples/agent/compose');
    await mkdir(join(folder, 'secrets'), { mode: 0o700 });
    succeed('docker compose run --rm setup billing && docker compose restart redis');
    succeed('docker compose up --wait');
    await cp(join(copy.folder, 'secrets/redis-url-consumer-billing'), join(folder, 'secrets/redis-url'));
    const keyFile = join(folder, 'secrets/billing.json');
    await writeFile(keyFile, rekey('consumer keygen -'), { mode: 0o600 });
    succeed(
      `docker compose exec -T worker rekey consumer add billing --key-file - --org org_demo < ${keyFile}`,
    );
    succeed('chmod 444 secrets/*', folder);
    // A program with what is in the image: the one of the example needs an image of PHP.
    const shop = { services: { shop: { image: 'rekey', command: ['sleep', 'infinity'], init: true } } };
    await writeFile(join(folder, 'compose.override.yaml'), JSON.stringify(shop));
    const env = { COMPOSE_PROJECT_NAME: `${PROJECT}-shop`, REKEY_PROJECT: PROJECT };
    succeed('docker compose up --wait', folder, env);
    const ask = `
      const request = require('http').request({ method: 'POST', socketPath: '/run/rekey/agent.sock',
        path: '/v1/assistants/ast_1/user-hash' }, (response) => response.pipe(process.stdout));
      request.end(JSON.stringify({ user_id: 'user-42' }));`;
    const sign = () =>
      JSON.parse(succeed(`docker compose exec -T shop node -e "$ASK"`, folder, { ...env, ASK: ask })) as {
        user_hash: string;
        version: number;
      };
    const before = sign();
    rekey('rotate org_demo ast_1 --wait --acknowledged');
    const after = sign();
    expect(after.version).toBeGreaterThan(before.version);
    expect(after.user_hash).not.toBe(before.user_hash);
    expect(shell('docker compose exec -T shop ls /run/secrets', folder, env).code).not.toBe(0);
  }, 300_000);

  it('goes down, and keeps the data', () => {
    succeed('docker compose down');
    expect(succeed('docker compose ps --all --quiet')).toBe('');
    succeed('docker compose up --wait');
    expect(rekey('get ast_1 --json')).toContain('"org_demo"');
  }, 300_000);
});
