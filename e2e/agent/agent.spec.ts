import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { lstat, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '@rekey/testing';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { describeIf, succeeds } from '../support/describe-if.ts';
import { startRekey } from '../support/rekey.ts';
import { eventually } from '../support/system.ts';
import { useFolder } from '../support/temporary-folder.ts';
import { ask, keyInFile, startAgentSystem, type AgentSystem } from './agent-system.ts';

const folder = useFolder('agent');
let on: AgentSystem;
let running: Awaited<ReturnType<AgentSystem['startAgent']>>;
let output = '';
const seenKeys = new Set<string>();

beforeAll(async () => {
  on = await startAgentSystem(folder());
  running = await on.startAgent();
});
afterAll(async () => {
  await running.child.kill();
  await on.stop();
});

const userHash = (assistantId = 'ast_1', user = 'user-42') =>
  ask(on.path('agent.sock'), 'POST', `/v1/assistants/${assistantId}/user-hash`, { user_id: user });
const health = () => ask(on.path('agent.sock'), 'GET', '/healthz');
const hashInForce = async (assistantId = 'ast_1', user = 'user-42') => {
  const key = (await on.system.trueKey(assistantId))!;
  seenKeys.add(key);
  return createHmac('sha256', key).update(user).digest('hex');
};
const rotate = (...more: string[]) =>
  startRekey(on.system, ['rotate', 'org_demo', 'ast_1', '--wait', '--timeout', '60', ...more]).result;
const endOf = async (agent: typeof running) => {
  const result = await agent.result;
  output += result.out + result.err;
  return result;
};
/** `describe`, for specs that need a program. */
const describeWithProgram = (program: string) =>
  describeIf(succeeds('sh', ['-c', `command -v ${program}`], `this part of examples/agent needs ${program}`));
const example = (name: string) => join(repositoryRoot, 'examples/agent', name);

describe('a running agent', () => {
  it('signs with the key in force, and its file has it, when a rotation is acknowledged', async () => {
    const { code, err } = await rotate('--acknowledged');
    expect([code, err]).toEqual([0, expect.not.stringContaining('error')]);
    // At this moment: the command takes 0.3 s, and has ended.
    const log = await readFile(on.path('reloads.log'), 'utf8');
    const key = (await on.system.trueKey('ast_1'))!;
    expect(log).toContain(JSON.stringify(key));
    expect(await keyInFile(on.path('keys.json'), 'ast_1')).toBe(key);
    expect((await userHash()).json).toMatchObject({ user_hash: await hashInForce(), source: 'rekey' });
    expect((await health()).json).toMatchObject({ status: 'ok' });
  });

  describeWithProgram('php')('with php', () => {
    it('serves php/sign.php', async () => {
      const run = (assistant: string) =>
        execFileSync('php', [example('php/sign.php'), assistant, 'користувач', on.path('agent.sock')], {
          encoding: 'utf8',
          stdio: 'pipe',
        });
      expect(run('ast_1')).toMatch(new RegExp(`^${await hashInForce('ast_1', 'користувач')} \\d+\\n$`));
      expect(() => run('ast_none')).toThrow('UNKNOWN_ASSISTANT');
    });
  });

  describeWithProgram('curl')('with curl', () => {
    it('serves shell/user-hash.sh', async () => {
      const run = (assistant: string) =>
        execFileSync(example('shell/user-hash.sh'), [assistant, 'a "user" \\', on.path('agent.sock')], {
          encoding: 'utf8',
          stdio: 'pipe',
        });
      expect(run('ast_1').trim()).toBe(await hashInForce('ast_1', 'a "user" \\'));
      expect(() => run('ast_none')).toThrow('UNKNOWN_ASSISTANT');
    });
  });

  describeWithProgram('python3')('with python3', () => {
    it('writes a file for python/sign.py', async () => {
      const run = (assistant: string) =>
        execFileSync('python3', [example('python/sign.py'), assistant, 'user-42', on.path('keys.json')], {
          encoding: 'utf8',
          stdio: 'pipe',
        });
      expect(run('ast_1').trim()).toBe(await hashInForce());
      expect(() => run('ast_none')).toThrow('has no key');
    });
  });

  it('keeps a second one from starting, and says why', async () => {
    const { code, err } = await on.agent(['--config', on.path('agent.yaml')]).result;
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/is the agent running already\? \(ALREADY_RUNNING\)/),
    ]);
    expect((await health()).status).toBe(200);
  });

  it('is checked by rekey agent check, and flags alone are enough for a simple one', async () => {
    const good = await on.agent(['check', on.path('agent.yaml')]).result;
    expect([good.code, good.out]).toEqual([0, 'the configuration can be used\n']);
    await writeFile(on.path('bad.liquid'), 'one\n{{ two');
    await writeFile(
      on.path('bad.yaml'),
      'consumer: billing\nkey_file: none.json\n' +
        'files: [{path: none/x, format: template, template: bad.liquid}]\n',
    );
    const bad = await on.agent(['check', on.path('bad.yaml')]).result;
    expect(bad.code).toBe(1);
    expect(bad.err).toMatch(
      /key_file: [^]*does not exist[^]*files\[1\]\.path: [^]*ENOENT[^]*files\[1\]\.template: [^]*line:2/,
    );
    const flags = [
      '--consumer',
      'billing',
      '--key-file',
      on.path('billing.json'),
      '--socket',
      on.path('flags.sock'),
    ];
    const simple = on.agent([...flags, '--log-format', 'text']);
    await simple.untilOut(/INFO {2}ready: ready addresses=\[/);
    expect((await ask(on.path('flags.sock'), 'GET', '/healthz')).status).toBe(200);
    simple.child.signal('SIGTERM');
    expect((await endOf(simple)).code).toBe(0);
  });
});

describe('rekey agent exec and --once', () => {
  it('runs a program with the keys, whose output is its own, and passes its exit code on', async () => {
    const flags = ['--consumer', 'billing', '--key-file', on.path('billing.json')];
    const program = ['--', 'sh', '-c', 'echo "$REKEY_KEY_ast_1"; exit 5'];
    const { code, out, err } = await on.agent(['exec', ...flags, ...program]).result;
    expect([code, out]).toEqual([5, `${await on.system.trueKey('ast_1')}\n`]);
    expect(err).toContain('"event":"agent_child_started"');
    output += err;
  });

  it('writes once: 0 with the keys of now, 2 if Rekey is away', async () => {
    await writeFile(
      on.path('once.yaml'),
      'consumer: billing\nkey_file: billing.json\n' +
        'files: [{path: once.json, format: json}]\nready_timeout: 2s\n',
    );
    const { code } = await endOf(on.agent(['--config', on.path('once.yaml'), '--once']));
    expect([code, await keyInFile(on.path('once.json'), 'ast_1')]).toEqual([
      0,
      await on.system.trueKey('ast_1'),
    ]);
    const env = { REDIS_URL: 'redis://127.0.0.1:1' };
    const away = await endOf(on.agent(['--config', on.path('once.yaml'), '--once'], { env }));
    expect([away.code, away.err]).toEqual([2, expect.stringContaining('(REDIS_AWAY)')]);
  });
});

describe('rekey agent --once that gets a signal', () => {
  it('ends with 128 and its number, when its command has ended', async () => {
    await writeFile(
      on.path('stopped.yaml'),
      'consumer: billing\nkey_file: billing.json\n' +
        'files:\n  - path: stopped.json\n    format: json\n' +
        `    command: [sh, -c, 'sleep 1; touch ${on.path('done')}']\n`,
    );
    const once = on.agent(['--config', on.path('stopped.yaml'), '--once']);
    const exists = (name: string) =>
      lstat(on.path(name)).then(
        () => true,
        () => false,
      );
    await eventually(
      () => exists('stopped.json'),
      (does) => does,
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    once.child.signal('SIGTERM');
    expect([(await endOf(once)).code, await exists('done')]).toEqual([128 + 15, true]);
  });
});

describe('while Rekey is away', () => {
  it('an agent that was killed starts from its cache, says how old it is, and catches up', async () => {
    await eventually(
      () => lstat(on.path('keys.cache')).catch(() => undefined),
      (stats) => stats !== undefined,
    );
    const before = await hashInForce();
    await running.child.kill();
    await endOf(running);
    expect((await lstat(on.path('agent.sock'))).isSocket()).toBe(true);
    on.proxy.stall(true);
    expect((await rotate()).code).toBe(0);
    running = await on.startAgent();
    const { json } = await userHash();
    expect(json).toMatchObject({ user_hash: before, source: 'cache' });
    expect(json['age_ms']).toBeGreaterThan(100);
    const { status, json: report } = await health();
    expect([status, report]).toMatchObject([503, { status: 'stale', source: 'cache' }]);
    const once = on.agent(['--config', on.path('agent.yaml'), '--once']);
    expect((await endOf(once)).code).toBe(3);
    on.proxy.stall(false);
    await eventually(userHash, ({ json: now }) => now['source'] === 'rekey');
    expect((await userHash()).json['user_hash']).toBe(await hashInForce());
    await eventually(health, (now) => now.status === 200);
    const inForce = await on.system.trueKey('ast_1');
    await eventually(
      () => keyInFile(on.path('keys.json'), 'ast_1'),
      (key) => key === inForce,
    );
  });
});

describe('over a gateway', () => {
  it('signs with the key in force, and acknowledges, without Redis', async () => {
    await writeFile(
      on.path('gateway.yaml'),
      "consumer: billing\nkey_file: billing.json\nready_timeout: 2s\ngateway: {address: '127.0.0.1:1'}\n",
    );
    const config = ['--config', on.path('gateway.yaml')];
    const env = { REDIS_URL: 'redis://127.0.0.1:1' };
    const away = await endOf(on.agent([...config, '--once'], { env }));
    expect([away.code, away.err]).toEqual([2, expect.stringContaining('(GATEWAY_AWAY)')]);
    const socket = on.path('gateway.sock');
    const gateway = ['--gateway', on.system.gateway.ready['address']!];
    const agent = on.agent([...config, ...gateway, '--socket', socket], { env });
    await agent.untilOut(/"event":"ready"/);
    expect((await rotate('--acknowledged')).code).toBe(0);
    const path = '/v1/assistants/ast_1/user-hash';
    const { json } = await ask(socket, 'POST', path, { user_id: 'user-42' });
    expect(json).toMatchObject({ user_hash: await hashInForce(), source: 'rekey', uncertain: false });
    expect((await ask(socket, 'GET', '/healthz')).json).toMatchObject({ status: 'ok' });
    agent.child.signal('SIGTERM');
    expect((await endOf(agent)).code).toBe(0);
  });
});

describe('at the end', () => {
  it('an agent whose consumer is removed says so, and the age of its keys grows', async () => {
    expect((await startRekey(on.system, ['consumer', 'remove', 'billing', '--yes']).result).code).toBe(0);
    const { json } = (await eventually(health, (now) => now.json['revoked'] === true)) as { json: object };
    expect(json).toMatchObject({ status: 'revoked' });
    await eventually(userHash, (now) => Number(now.json['age_ms']) > 1000);
    expect((await userHash()).json['user_hash']).toBe(await hashInForce());
  });

  it('SIGTERM ends it with 0 and without its socket; no key was in a log or an argument', async () => {
    const { pid } = running.child.process;
    const argv = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    running.child.signal('SIGTERM');
    expect((await endOf(running)).code).toBe(0);
    await expect(lstat(on.path('agent.sock'))).rejects.toThrow('ENOENT');
    const log = output + argv;
    expect(log).toContain('"event":"agent_revoked"');
    expect(log).toContain('"event":"agent_cache_used"');
    expect(seenKeys.size).toBeGreaterThanOrEqual(2);
    expect([...seenKeys].filter((key) => log.includes(key))).toEqual([]);
  });
});

describe('the other examples', () => {
  const documents = async (name: string) =>
    parseAllDocuments(await readFile(example(name), 'utf8'), { merge: true }).map((document) => {
      expect(document.errors).toEqual([]);
      return document.toJS() as Record<string, any>;
    });

  describeWithProgram('systemd-analyze')('with systemd-analyze', () => {
    it('are units that systemd accepts', () => {
      let accepted = 0;
      for (const unit of ['rekey-agent.service', 'shop.service'])
        accepted +=
          execFileSync('systemd-analyze', ['verify', example(`systemd/${unit}`)]).length === 0 ? 1 : 0;
      expect(accepted).toBe(2);
    });
  });

  it('share only the folder of the socket between the sidecar and the program', async () => {
    const [compose] = await documents('compose/compose.yaml');
    const { agent, shop } = compose!['services'];
    expect(agent.command.slice(0, 2)).toEqual(['rekey', 'agent']);
    expect(agent.volumes).toContain('socket:/run/rekey');
    expect(shop.volumes).toContain('socket:/run/rekey');
    expect(shop).not.toHaveProperty('secrets');
  });

  it('have configurations that rekey agent takes', async () => {
    const [config, deployment] = await documents('kubernetes/sidecar.yaml');
    const { readConfig } = await import('@rekey/agent');
    await writeFile(on.path('kubernetes.yaml'), config!['data']['agent.yaml']);
    expect(readConfig(on.path('kubernetes.yaml'), {})).toMatchObject({
      consumer: 'billing',
      mounted_secrets: true,
    });
    expect(readConfig(example('agent.yaml'), {})).toMatchObject({ max_staleness: 3_600_000 });
    expect(readConfig(example('compose/agent.yaml'), {})).toMatchObject({ mounted_secrets: true });
    const { initContainers, containers } = deployment!['spec']['template']['spec'];
    expect(initContainers.map(({ args }: { args: string[] }) => args.slice(0, 4))).toEqual(
      [0, 1].map(() => ['rekey', 'agent', '--config', '/etc/rekey/agent.yaml']),
    );
    expect(containers[0].volumeMounts).toEqual([{ name: 'run', mountPath: '/run/rekey' }]);
    const [store] = await documents('kubernetes/external-secrets.yaml');
    expect(store!['spec']['provider']['webhook']).toMatchObject({
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:8181\/v1\/assistants\//),
      result: { jsonPath: '$.secret_key' },
      headers: { 'X-Rekey-Agent': '1' },
    });
  });
});
