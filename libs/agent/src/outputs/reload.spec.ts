import { spawn, type ChildProcess } from 'node:child_process';
import { utimesSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { begin, closeAll, failOnce, until, type AgentFixture } from '../agent-fixture.ts';
import { createFakeKeys } from '../keys-fixture.ts';
import { createStage } from '../stage/stage.ts';

const children: ChildProcess[] = [];
afterEach(async () => {
  await closeAll();
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

const acknowledged = ({ keys }: AgentFixture) =>
  until(() => keys.acknowledged === keys.seq, 'an acknowledgement');
const linesOf = async (path: string) =>
  (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
const withReload = (file: (folder: string) => object, more: object = {}) => {
  const keys = createFakeKeys();
  keys.publish('ast_1', 'sk_1');
  return begin(
    (folder) => ({ files: [{ path: join(folder, 'out'), format: 'json', ...file(folder) }], ...more }),
    { keys },
  );
};

describe('the command of a file', () => {
  it('sees the new file, and runs once for a bulk of 5,000', async () => {
    const agent = await withReload(
      (folder) => ({
        command: ['sh', '-c', 'wc -l < "$REKEY_AGENT_FILE" >> "$1"', 'sh', join(folder, 'log')],
      }),
      { debounce: '300ms' },
    );
    const log = join(agent.folder, 'log');
    await acknowledged(agent);
    expect(await linesOf(log)).toHaveLength(1);
    for (let i = 0; i < 5000; i += 1) {
      agent.keys.publish(`ast_${i}`, `sk_${i}`);
      if (i % 50 === 0) await new Promise(setImmediate);
    }
    await acknowledged(agent);
    expect((await linesOf(log)).map(Number)).toEqual([3, 5002]);
    expect((await agent.call('GET', '/metrics')).text).toMatch(/^rekey_agent_output_reloads_total\{.*\} 2$/m);
  });

  it.each([
    ['json', 'sk_1b', []],
    ['key-files', 'sk_1b', ['out']],
    ['key-files', undefined, ['out']],
  ])('runs also if the folder could not be synced at first: %s, %s', async (format, key, under) => {
    const agent = await withReload((folder) => ({
      format,
      on_removed: 'empty',
      command: ['sh', '-c', 'echo x >> "$1"', 'sh', join(folder, 'log')],
    }));
    await acknowledged(agent);
    await failOnce('sync', join(agent.folder, ...under));
    if (key === undefined) agent.keys.remove('ast_1');
    else agent.keys.publish('ast_1', key);
    await until(() => agent.keys.lastFailure?.includes('EIO') === true, 'a failure');
    await acknowledged(agent);
    expect(await linesOf(join(agent.folder, 'log'))).toEqual(['x', 'x']);
  });

  it('that hangs is killed with all that it started, reported, repeated, and not acknowledged', async () => {
    const agent = await withReload((folder) => ({
      command: [
        'sh',
        '-c',
        'echo $$ >> "$1"; sleep 600 & echo $! >> "$1"; trap "" TERM; wait; sleep 600',
        'sh',
        join(folder, 'pids'),
      ],
      timeout: '200ms',
    }));
    await until(() => agent.keys.lastFailure !== undefined, 'a failure');
    expect(agent.keys.lastFailure).toContain('did not end within 200 ms, and was killed');
    expect(agent.keys.acknowledged).toBe(0);
    expect((await agent.call('GET', '/healthz')).json).toMatchObject({ status: 'output-failed' });
    const [shell, sleep] = await linesOf(join(agent.folder, 'pids'));
    for (const pid of [shell, sleep]) await until(() => !isAlive(Number(pid)), `the end of ${pid}`);
    await until(async () => (await linesOf(join(agent.folder, 'pids'))).length > 2, 'another run');
    expect(agent.events.filter(({ event }) => event === 'agent_reload_failed')).toHaveLength(1);
  });

  it('that fails or does not exist is reported and repeated until it succeeds', async () => {
    const agent = await withReload((folder) => ({
      command: ['sh', '-c', `test -e "${join(folder, 'go')}" || exit 7`],
    }));
    await until(() => agent.keys.lastFailure?.includes('ended with 7') === true, 'a failure');
    await writeFile(join(agent.folder, 'go'), '');
    await acknowledged(agent);
    const other = await withReload(() => ({ command: ['/nonexistent/program'] }));
    await until(
      () => other.keys.lastFailure?.includes('could not be started (ENOENT)') === true,
      'a failure',
    );
    expect(other.keys.acknowledged).toBe(0);
  });

  it('has none of the variables with which the agent reaches Rekey', async () => {
    process.env['REDIS_URL'] = 'redis://:password@127.0.0.1';
    try {
      const agent = await withReload((folder) => ({
        command: ['sh', '-c', 'env > "$1"', 'sh', join(folder, 'env')],
      }));
      await acknowledged(agent);
      const env = await readFile(join(agent.folder, 'env'), 'utf8');
      expect(env).toContain('PATH=');
      expect(env).not.toMatch(/REDIS_URL|password|sk_1/);
    } finally {
      delete process.env['REDIS_URL'];
    }
  });
});

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('the signal of a file', () => {
  it('goes to the process of the pid file, and to no other', async () => {
    const agent = await withReload((folder) => ({
      signal: { pid_file: join(folder, 'pid'), signal: 'SIGUSR2' },
    }));
    await until(() => agent.keys.lastFailure?.includes('does not exist') === true, 'no pid file');
    for (const text of ['0', '1', '-5', 'x']) {
      await writeFile(join(agent.folder, 'pid'), text);
      await until(
        () => agent.keys.lastFailure?.includes('has no process id') === true,
        `a refusal of ${text}`,
      );
    }
    const log = join(agent.folder, 'log');
    const child = spawn('sh', [
      '-c',
      'trap "echo got >> \\"$1\\"" USR2; echo up >> "$1"; while :; do sleep 0.05; done',
      'sh',
      log,
    ]);
    children.push(child);
    await until(async () => (await linesOf(log)).length === 1, 'the program');
    await writeFile(join(agent.folder, 'pid'), `${child.pid}\n`);
    await acknowledged(agent);
    await until(async () => (await linesOf(log)).includes('got'), 'the signal');
    expect(agent.keys.acknowledged).toBe(agent.keys.seq);
  });

  it('is not sent to a process that has started after the pid file was written', async () => {
    const child = spawn('sleep', ['60']);
    children.push(child);
    const agent = await withReload((folder) => {
      const pid = join(folder, 'pid');
      writeFileSync(pid, `${child.pid}`);
      const hourAgo = Date.now() / 1000 - 3600;
      utimesSync(pid, hourAgo, hourAgo);
      return { signal: { pid_file: pid, signal: 'SIGTERM' } };
    });
    await until(() => agent.keys.lastFailure?.includes('another one has its id') === true, 'a refusal');
    expect(isAlive(child.pid!)).toBe(true);
    expect(agent.keys.acknowledged).toBe(0);
  });
});

describe('a file that is written again and again, for its keys change all the time', () => {
  it('is behind since its last content was read, and not since the first change', async () => {
    let runs = 0;
    const stage = createStage({
      run: async () => {
        runs += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
        stage.request();
      },
      onFailure: () => {},
      whyOf: String,
    });
    const beganMs = performance.now();
    stage.request();
    await until(() => runs === 10, 'the runs');
    const dueSinceMs = stage.dueSinceMs!;
    await stage.close();
    // The run before the one that is under way had read it by then.
    expect(dueSinceMs - beganMs).toBeGreaterThan(8 * 19);
  });
});
