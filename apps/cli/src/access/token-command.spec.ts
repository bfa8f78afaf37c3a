import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadContract, unary } from '@rekey/rpc';
import { RekeyError } from '@rekey/schema';
import { Command } from 'commander';
import { authCommand } from './auth-command.ts';
import { tokenCommand } from './token-command.ts';

const SECRET = `rekey_${'s'.repeat(49)}`;
const ESCAPE = '\u001b[31m';
const time = (seconds: number) => ({ seconds: String(seconds), nanos: 0 });
const token = (fields: object = {}) => ({
  name: 'nightly',
  role: 'rotator',
  orgs: ['org_1'],
  requestedBy: `jwt:https://idp#${ESCAPE}anna`,
  createTime: time(1_790_000_000),
  expireTime: time(4_000_000_000),
  lastUseTime: null,
  ...fields,
});
const grant = { principal: 'uri:a', role: 'rotator', orgs: ['org_1'], source: `binding ${ESCAPE}1` };

let requests: Record<string, any>[];
let allowed: boolean;
let server: Server;
let gateway: string;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-tokens-'));
  const answer = (respond: (request: any) => unknown) =>
    unary(
      async (request: any) => {
        requests.push(request);
        return respond(request);
      },
      () => {},
    );
  server = new Server();
  server.addService(loadContract().v1.AccessService.service, {
    CreateToken: answer(({ tokenName }) => {
      if (tokenName === 'taken') throw new RekeyError('TOKEN_EXISTS');
      return { token: token({ name: tokenName }), secret: SECRET };
    }),
    ListTokens: answer(() => ({ tokens: [token(), token({ name: 'old', expireTime: time(1) })] })),
    RevokeToken: answer(() => ({})),
    WhoAmI: answer(() => ({ principal: 'uri:a', names: ['uri:a'], also: '', grants: [grant] })),
    CheckAccess: answer(() => ({
      allowed,
      grants: allowed ? [grant] : [],
      otherGrants: allowed ? [] : [grant],
      weakestRole: 'admin',
    })),
  } as unknown as UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  gateway = `127.0.0.1:${port}`;
});
afterAll(async () => {
  server.forceShutdown();
  await rm(folder, { recursive: true });
});

let out: string;
let err: string;
beforeEach(() => {
  [requests, allowed, out, err] = [[], true, '', ''];
  jest.spyOn(process.stdout, 'write').mockImplementation(((text: string) => ((out += text), true)) as never);
  jest.spyOn(process.stderr, 'write').mockImplementation(((text: string) => ((err += text), true)) as never);
  process.exitCode = undefined;
});
afterEach(() => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
});

const rekey = async (...args: string[]): Promise<void> => {
  const program = new Command('rekey').addCommand(tokenCommand()).addCommand(authCommand());
  await program.parseAsync([...args, '--gateway', gateway], { from: 'user' });
};
const create = (name: string, ...more: string[]) =>
  rekey('token', 'create', '--name', name, '--role', 'rotator', '--org', 'org_1', '--ttl', '90d', ...more);

describe('rekey token create', () => {
  it('prints the secret alone, which a script can take, and says the rest beside it', async () => {
    await create('nightly');
    expect(out).toBe(`${SECRET}\n`);
    expect(err).toContain('nightly is rotator in org_1, until 2096');
    expect(requests).toMatchObject([{ tokenName: 'nightly', role: 'rotator', ttl: { seconds: '7776000' } }]);
  });

  it('writes it to a new file that only its owner reads, and prints it nowhere', async () => {
    const path = join(folder, 'nightly.token');
    await create('nightly', '--output-file', path);
    expect(await readFile(path, 'utf8')).toBe(`${SECRET}\n`);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(out + err).not.toContain('sss');
    await create('nightly', '--output-file', path, '--json').catch(() => {});
    expect(out).toBe('');
  });

  it('makes no token if the file exists, and leaves no file if there is no token', async () => {
    const path = join(folder, 'mine.token');
    await writeFile(path, 'mine');
    await expect(create('nightly', '--output-file', path)).rejects.toMatchObject({
      reason: 'ALREADY_EXISTS',
    });
    expect(requests).toEqual([]);
    expect(await readFile(path, 'utf8')).toBe('mine');
    const before = await readdir(folder);
    await expect(create('taken', '--output-file', join(folder, 'none.token'))).rejects.toMatchObject({
      reason: 'TOKEN_EXISTS',
    });
    expect(await readdir(folder)).toEqual(before);
  });
});

describe('rekey token list and revoke', () => {
  it('shows what has expired, and passes no terminal escape', async () => {
    await rekey('token', 'list');
    expect(out).toMatch(/^nightly +rotator +in \S+ d +never +"jwt:https:\/\/idp#\\u001b\[31manna" +org_1$/m);
    expect(out).toMatch(/^old +rotator +expired /m);
    expect(out).not.toContain(ESCAPE);
  });

  it('asks before it revokes, and does nothing without an answer', async () => {
    await expect(rekey('token', 'revoke', 'nightly')).rejects.toMatchObject({ reason: 'NOT_CONFIRMED' });
    expect(requests).toEqual([]);
    await rekey('token', 'revoke', 'nightly', '--yes');
    expect(requests).toMatchObject([{ tokenName: 'nightly' }]);
  });
});

describe('rekey auth', () => {
  it('says who the caller is, and what gives it a role', async () => {
    await rekey('auth', 'whoami');
    expect(out).toBe('principal  uri:a\nrotator in org_1, by "binding \\u001b[31m1" for uri:a\n');
  });

  it('ends with 1 if the caller may not, and explains what lacks', async () => {
    await rekey('auth', 'can-i', 'rotations.create', '--org', 'org_1');
    expect([out, process.exitCode]).toEqual(['allowed\n', undefined]);
    allowed = false;
    out = '';
    await rekey('auth', 'explain', 'consumers.create', '--org', 'org_1', '--as', 'token:nightly');
    expect(out).toMatch(/^not allowed: consumers\.create in org_1\n {2}it needs admin or a stronger role\n/);
    expect(out).toContain('  has rotator in org_1');
    expect(process.exitCode).toBe(1);
    expect(requests.at(-1)).toMatchObject({ principal: 'token:nightly', orgId: 'org_1' });
  });
});
