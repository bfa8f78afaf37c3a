import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { lineOf, repositoryRoot, startChild, type Child } from '@rekey/testing';

const run = promisify(execFile);
let commands: string[];
let readme: string;
let start: Child;
let output = '';
let environment: NodeJS.ProcessEnv;

/** `npm start` as the README says, in this very folder, and its commands as pasted. */
beforeAll(async () => {
  readme = await readFile(join(repositoryRoot, 'README.md'), 'utf8');
  commands = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) => block!.trim().split('\n'));
  start = startChild('npm', ['start'], { cwd: repositoryRoot, env: { PATH: process.env['PATH'], HOME: process.env['HOME'] }, ownGroup: true });
  start.process.stdout?.on('data', (chunk) => (output += chunk));
  await lineOf(start, (line) => (line.startsWith('Ctrl-C stops') ? line : undefined), 'npm start', 90_000);
  environment = { PATH: process.env['PATH'], HOME: process.env['HOME'], REDIS_URL: /redis +ready +(\S+)/.exec(output)![1] };
}, 100_000);
afterAll(async () => {
  if (start.process.exitCode === null && start.process.signalCode === null) process.kill(-start.pid, 'SIGKILL');
});

const paste = async (command: string) => (await run('bash', ['-c', command], { cwd: repositoryRoot, env: environment })).stdout;

const isOpen = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket.destroy() && true));
    socket.once('error', () => resolve(false));
  });

describe('the README', () => {
  it('gives the two commands that everything begins with', () => {
    expect(commands).toContain('npm ci && npm start');
    expect(commands).toContain('npm ci && npm test');
  });

  it('prints a ready line for each part, and the command to rotate a first key', () => {
    for (const part of ['redis', 'simulator', 'gateway', 'worker']) expect(output).toMatch(new RegExp(`^${part} +ready +\\S`, 'm'));
    expect(output).toContain('npx rekey rotate org_demo ast_1 --wait');
  });

  it('rotates a first key as pasted, and opens its event as pasted', async () => {
    const [rotate, events] = commands.filter((command) => /^npx rekey (rotate|events)/.test(command));
    const rotated = await paste(rotate!);
    expect(rotated).toMatch(/state +SUCCEEDED/);
    expect(await paste(events!)).toMatch(/(org_demo|c)\/ast_\d+ .* secret_key "sk_/);
  });

  it('calls it with buf, by server reflection, as pasted', async () => {
    const curl = commands.find((command) => command.startsWith('npx buf curl'));
    expect(JSON.parse(await paste(curl!))).toMatchObject({ orgId: 'org_demo', assistantId: 'ast_2', state: 'QUEUED' });
  });

  it('lists every variable that a process takes', async () => {
    const sources = await Promise.all(['libs/runtime/src/config.ts', 'libs/runtime/src/worker-variables.ts', 'apps/gateway/src/config.ts', 'apps/worker/src/config.ts'].map((path) => readFile(join(repositoryRoot, path), 'utf8')));
    const variables = [...sources.join('\n').matchAll(/^ +([A-Z][A-Z_]{4,}):/gm)].map(([, name]) => name!);
    expect(variables.length).toBeGreaterThan(15);
    for (const name of variables) expect(readme).toContain(`| \`${name}\` |`);
  });

  it('has docker-compose.yml hand on what the request budget is to be', async () => {
    const compose = await readFile(join(repositoryRoot, 'docker-compose.yml'), 'utf8');
    for (const name of ['INVENT_REQUESTS_PER_MINUTE', 'INVENT_EGRESS']) expect(compose).toContain(`      ${name}: \${${name}:-}\n`);
  });

  it('lets bash complete the commands, as pasted', async () => {
    const completion = commands.find((command) => command.includes('rekey completion bash'));
    const tab = `COMP_WORDS=(rekey bulk c); COMP_CWORD=2; _rekey; echo "\${COMPREPLY[*]}"`;
    expect((await paste(`${completion}\nrekey health --help\ncomplete -p rekey\n${tab}`)).trim().split('\n')).toEqual(
      expect.arrayContaining([expect.stringMatching(/^Usage: rekey health/), 'complete -o default -F _rekey rekey', 'create cancel']),
    );
  });

  it('links to nothing that is not there', async () => {
    const links = [...readme.matchAll(/\]\((?!http)([^)#]+)\)/g)].map(([, path]) => path!);
    expect(links.length).toBeGreaterThan(5);
    const missing = (await Promise.all(links.map((path) => readdir(join(repositoryRoot, path)).then(() => '', (error: NodeJS.ErrnoException) => (error.code === 'ENOTDIR' ? '' : path))))).filter(Boolean);
    expect(missing).toEqual([]);
  });

  it('refuses to start twice on the same data', async () => {
    await expect(run('npm', ['start'], { cwd: repositoryRoot, env: environment })).rejects.toMatchObject({ stderr: expect.stringContaining('runs already') });
  });

  it('ends with Ctrl-C, and leaves no process and no port', async () => {
    const ports = [...output.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port));
    expect(ports.length).toBeGreaterThanOrEqual(4);
    expect(await Promise.all(ports.map(isOpen))).toEqual(ports.map(() => true));
    // As a terminal does: to the whole foreground group, npm included.
    process.kill(-start.pid, 'SIGINT');
    await start.exited;
    expect(await Promise.all(ports.map(isOpen))).toEqual(ports.map(() => false));
  }, 60_000);
});
