import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { areTrials } from '@rekey/testing';
import { startRekey } from '../support/rekey.ts';
import { eventually, startSystem, type System } from '../support/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

const rekey = (args: string[], env: Record<string, string> = {}) => startRekey(system, args, { env }).result;

describe('rekey rotate', () => {
  it('waits for the end and shows the result', async () => {
    const { code, out } = await rekey(['rotate', 'org_demo', 'ast_1', '--wait', '--reason', 'by hand']);
    expect(code).toBe(0);
    expect(out).toMatch(/state +SUCCEEDED/);
    expect(out).toMatch(/reason +by hand/);
  });

  it('prints one JSON object with the names of the contract', async () => {
    const requestId = crypto.randomUUID();
    const { json } = await rekey([
      'rotate',
      'org_demo',
      'ast_2',
      '--wait',
      '--json',
      '--request-id',
      requestId,
    ]);
    expect(json()).toEqual([
      expect.objectContaining({
        org_id: 'org_demo',
        assistant_id: 'ast_2',
        state: 'SUCCEEDED',
        cause: 'ROTATION',
        request_id: requestId,
        version: expect.any(Number),
      }),
    ]);
  });

  it('exits with 1 for a failed rotation, and says what to do', async () => {
    const { code, out } = await rekey(['rotate', 'org_demo', 'nobody', '--wait']);
    expect(code).toBe(1);
    expect(out).toMatch(/ASSISTANT_NOT_FOUND.*Check the org and assistant ids/);
  });

  it('exits with 1 for a wrong request, in text or as JSON', async () => {
    expect(await rekey(['rotate', 'org_demo', '../x'])).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('assistant_id must not contain'),
    });
    const { err } = await rekey(['rotate', 'org_demo', '../x', '--json']);
    expect(JSON.parse(err)).toEqual({
      error: { reason: 'INVALID_ARGUMENT', message: expect.stringContaining('assistant_id') },
    });
  });

  it('exits with 2 if no gateway answers, and says how to set its address', async () => {
    const { code, err } = await rekey(['rotate', 'org_demo', 'ast_1', '--gateway', '127.0.0.1:1']);
    expect(code).toBe(2);
    expect(err).toContain('GRPC_ADDRESS');
    expect(err).toMatch(/repeat with --request-id [0-9a-f-]{36}/);
  });

  it('exits with 3 at the timeout', async () => {
    await system.admin('POST', '/faults', { assistantId: 'ast_3', kind: 'hangBefore' });
    const { code, err } = await rekey(['rotate', 'org_demo', 'ast_3', '--wait', '--timeout', '0.3']);
    expect(code).toBe(3);
    const goOn = /rekey get (rot_\w+ --wait)/.exec(err)![1]!;
    expect(await rekey(['get', ...goOn.split(' ')])).toMatchObject({
      code: 0,
      out: expect.stringContaining('SUCCEEDED'),
    });
  });
});

describe('rekey get, list, cancel, health', () => {
  it('show rotations and health', async () => {
    const { id } = await system.rotateAndWait('ast_4');
    expect((await rekey(['get', id, '--json'])).json()[0]).toMatchObject({ id, state: 'SUCCEEDED' });
    expect((await rekey(['get', 'ast_4', '--json'])).json()[0]).toMatchObject({
      assistant_id: 'ast_4',
      rotation_id: id,
      sealed: expect.any(String),
    });
    for (const state of ['succeeded', 'SUCCEEDED'])
      expect((await rekey(['list', '--assistant', 'ast_4', '--state', state])).out).toMatch(
        new RegExp(`^ID +ORG .*\n${id}  org_demo  ast_4 +SUCCEEDED +(now|\\d+ s ago) +local +-\n$`),
      );
    expect(await rekey(['list', '--assistant', 'ast_4', '--state', 'failed'])).toMatchObject({
      code: 0,
      out: '',
      err: 'no rotations\n',
    });
    expect(await rekey(['cancel', id])).toMatchObject({
      code: 1,
      err: expect.stringContaining('ROTATION_NOT_CANCELLABLE'),
    });
    expect(await rekey(['health'])).toMatchObject({ code: 0, out: 'SERVING\n' });
    expect((await rekey(['get', 'never_seen'])).err).toContain('ASSISTANT_NOT_KNOWN');
  });
});

describe('rekey freeze, unfreeze, status, retry', () => {
  it('freeze holds rotations back and says so; repeated retries retry a cancelled one once', async () => {
    const frozen = await rekey(['freeze', '--reason', 'Invent is ill']);
    expect(frozen).toMatchObject({
      code: 0,
      out: expect.stringMatching(/frozen +since 20\S+: Invent is ill\n +frozen by +local\n/),
    });
    expect((await rekey(['freeze', '--reason', 'again', '--json'])).json()[0].frozen).toEqual({
      since_time: expect.any(String),
      reason: 'Invent is ill',
      requested_by: 'local',
    });

    const [{ id }] = (await rekey(['rotate', 'org_demo', 'ast_7', '--reason', 'leaked', '--json'])).json();
    await eventually(
      () => system.client.getRotation(id),
      ({ error }) => error?.reason === 'FROZEN',
    );
    expect(await rekey(['retry', id])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/is QUEUED: it is still in progress.*ROTATION_NOT_RETRYABLE/),
    });
    expect((await rekey(['status', '--json'])).json()[0]).toMatchObject({
      open_rotation_count: 1,
      open_intents: [],
      uncertain: [],
      quarantined_count: 0,
      check_count: expect.any(Number),
    });
    expect(await rekey(['cancel', id])).toMatchObject({ code: 0 });

    expect((await rekey(['unfreeze'])).out).toMatch(/frozen +no/);
    const retried = (await rekey(['retry', id, '--wait', '--json'])).json()[0];
    expect(retried).toMatchObject({ state: 'SUCCEEDED', assistant_id: 'ast_7', reason: 'leaked' });
    expect(retried.id).not.toBe(id);
    expect((await rekey(['retry', id, '--json'])).json()[0].id).toBe(retried.id);
    expect(await rekey(['retry', retried.id])).toMatchObject({
      code: 1,
      err: expect.stringContaining('rekey rotate org_demo ast_7'),
    });
  });

  it('retry exits with 1 if the rotation fails again', async () => {
    const [{ id }] = (await rekey(['rotate', 'org_demo', 'nobody_else', '--wait', '--json'])).json();
    expect(await rekey(['retry', id, '--wait'])).toMatchObject({
      code: 1,
      out: expect.stringContaining('ASSISTANT_NOT_FOUND'),
    });
  });

  it('status shows uncertain keys, and entries that it cannot read', async () => {
    await system.redis.hset('{rekey}:uncertain', 'ast_\u001b[31m', '{');
    await system.redis.hset(
      '{rekey}:quarantine',
      'ast_8',
      JSON.stringify({ since: 1_700_000_000_000, why: 'version' }),
    );
    const { code, out } = await rekey(['status']);
    await system.redis.del('{rekey}:uncertain', '{rekey}:quarantine');
    expect(code).toBe(0);
    expect(out).toMatch(/uncertain +1\n +assistant +"ast_\\u001b\[31m {2}since an unknown time"\n/);
    expect(out).toMatch(/quarantined +1\n +assistant +ast_8 {2}since 2023-11-14T22:13:20.000Z: version\n/);
  });

  it('freeze requires a reason', async () => {
    expect(await rekey(['freeze'])).toMatchObject({ code: 1, err: expect.stringContaining('--reason') });
    expect(await rekey(['freeze', '--reason', ' '])).toMatchObject({
      code: 1,
      err: expect.stringContaining('reason must not be empty'),
    });
  });

  it('get reports an unknown sweep', async () => {
    expect(await rekey(['get', 'swp_01ARZ3NDEKTSV4RRFFQ69G5FAV'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('SWEEP_NOT_FOUND'),
    });
  });
});

describe('rekey activity', () => {
  const hostile = '\u001b[2J\u009b31m\u202e\n';
  const addHostile = () =>
    system.redis.xadd('{rekey}:activity', '*', 'type', 'freeze.set', 'by', hostile, 'reason', hostile);

  it('shows who did what, newest first, and nothing that a terminal acts on', async () => {
    const { id } = await system.rotateAndWait('ast_7');
    const target = ['--target', `rotation:${id}`];
    const [json, text] = await Promise.all([
      rekey(['activity', ...target, '--json']),
      rekey(['activity', ...target]),
    ]);
    expect(json.json().at(-1)).toMatchObject({
      type: 'rotation.requested',
      principal: 'local',
      org_id: 'org_demo',
      target: `rotation:${id}`,
      assistant_id: 'ast_7',
    });
    expect(text.out).toMatch(/^TIME +TYPE +BY +ORG +TARGET +DETAILS\n/);
    expect(text.out).toMatch(new RegExp(`rotation\\.requested +local +org_demo +rotation:${id}`));

    await addHostile();
    await system.redis.xadd('{rekey}:activity', '*', 'x', 'y');
    const shown = await rekey(['activity', '--limit', '2']);
    expect(shown.out).toContain('\\u{9b}31m');
    expect(shown.out.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
    expect(shown.err).toContain('1 entry passed over');
    const [hostileRecord] = (await rekey(['activity', '--limit', '1', '--json'])).json();
    expect(hostileRecord).toMatchObject({ principal: hostile, reason: hostile });
  });

  it('follows: the last records in the order of time, then each new one once', async () => {
    const { id: before } = await system.rotateAndWait('ast_8');
    const following = startRekey(system, ['activity', '--follow', '--json', '--type', 'rotation.requested']);
    await following.untilOut(new RegExp(before));
    const { id: after } = await system.rotateAndWait('ast_9');
    await following.untilOut(new RegExp(after));
    following.child.process.kill('SIGINT');
    const records = (await following.result).json();
    expect(records.slice(-2).map(({ target }) => target)).toEqual([
      `rotation:${before}`,
      `rotation:${after}`,
    ]);
    const positions = records.map(({ position }) => position);
    expect(new Set(positions).size).toBe(positions.length);
  });
});

describe('rekey events', () => {
  it('follows the stream from its start, and opens records with the key file', async () => {
    await system.rotateAndWait('ast_5');
    const count = (await system.versions()).length;
    const sealed = await rekey(['events', '--from', 'start', '--count', String(count), '--json']);
    expect(sealed.json()).toEqual(await system.versions());
    const opened = await rekey([
      'events',
      '--from',
      'start',
      '--count',
      String(count),
      '--json',
      '--open',
      '--key-file',
      system.keyFile,
    ]);
    expect(opened.json().at(-1).opened.assistant.secret_key).toBe(await system.trueKey('ast_5'));
    const text = await rekey(['events', '--from', 'start', '--count', '1']);
    expect(text.out).toMatch(/seq 1  org_demo\/ast_\d+  version \d+  rotation/);
    expect(text.out).not.toContain('secret_key');
  });

  it('misses no event after its start', async () => {
    const following = rekey(['events', '--count', '1', '--json']);
    await eventually(
      async () => String(await system.redis.client('LIST')),
      (clients) => /name=rekey:cli-events .*cmd=xread/.test(clients),
    );
    const { id } = await system.rotateAndWait('ast_6');
    expect((await following).json()[0].data.rotation_id).toBe(id);
  });

  it('names a missing option, Redis or file', async () => {
    expect(await rekey(['events', '--open'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('--key-file'),
    });
    expect(await rekey(['events', '--redis', 'redis://127.0.0.1:1'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('REDIS_URL'),
    });
    expect(await rekey(['events', '--open', '--key-file', '/no/such'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('does not exist'),
    });
  });
});

describe('rekey key-file', () => {
  it('creates a key file once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rekey-cli-'));
    const path = join(folder, 'key.json');
    expect(await rekey(['key-file', 'create', path])).toMatchObject({ code: 0 });
    expect(await rekey(['key-file', 'create', path])).toMatchObject({
      code: 1,
      err: expect.stringContaining('already exists; it was not changed'),
    });
    expect(await rekey(['key-file', 'create', path, '--if-missing'])).toMatchObject({ code: 0 });
    await rm(folder, { recursive: true });
  });
});

describe('wrong usage', () => {
  it.each([
    [['list', '--limt', '5', '--json'], /^unknown option '--limt' \(Did you mean --limit\?\)$/],
    [['list', '--limit', 'x', '--output', 'json'], /^option '--limit <n>' argument 'x' is invalid/],
    [['rotate', 'org_demo', '--output=yaml'], /^missing required argument 'assistant'$/],
  ])('is JSON for programs: %j', async (args, message) => {
    const { code, out, err } = await rekey(args);
    expect([code, out]).toEqual([1, '']);
    expect(JSON.parse(err)).toEqual({
      error: { reason: 'INVALID_ARGUMENT', message: expect.stringMatching(message) },
    });
  });
});

describe('rekey completion values', () => {
  it('asks the gateway that the line names', async () => {
    await rekey(['rotate', 'org_demo', 'ast_1', '--wait']);
    const { address } = system.gateway.ready;
    const values = (line: string) => ['completion', 'values', 'org', '--line', line, '--', 'org_'];
    const elsewhere = { GRPC_ADDRESS: '127.0.0.1:1' };
    expect((await rekey(values('rekey list --org '), elsewhere)).out).toBe('');
    expect(await rekey(values(`rekey list --gateway '${address}' --org org_`), elsewhere)).toMatchObject({
      code: 0,
      out: 'org_demo\n',
    });
  });
});

describe('rekey completion --help', () => {
  it('prints a line for each shell, and says what zsh needs', async () => {
    const { out } = await rekey(['completion', '--help']);
    expect(out).toContain('source <(rekey completion bash)');
    expect(out).toMatch(/compinit.*source <\(rekey completion zsh\)/);
    expect(out).toContain('rekey completion fish | source');
    expect(out).toContain('npx rekey "$@"');
  });
});

describe('rekey --help', () => {
  const commands = ['rotate', 'events', 'list', 'sweep', 'retry', 'status', 'freeze', 'bulk', 'doctor'];
  const paths = [
    [],
    ...commands.map((name) => [name]),
    ['bulk', 'create'],
    ['bulk', 'watch'],
    ['completion'],
  ];
  // docs/reference/cli.md has the text of each, and is compared with the code.
  it.each(areTrials ? paths : [[], ['rotate'], ['bulk', 'create']])(
    'explains the command: %j',
    async (...command) => {
      const { code, out } = await rekey([...command.flat(), '--help']);
      expect(code).toBe(0);
      expect(out).toContain('Usage: rekey');
    },
  );
});
