import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bulksOf, type Bulks } from '../bulk/bulks.ts';
import { expectTruth } from '../support/invariants.ts';
import { startRekey, type RekeyOptions } from '../support/rekey.ts';
import { startSystem, type System } from '../support/system.ts';
import { useFolder } from '../support/temporary-folder.ts';

const ASSISTANTS = 60;
const folder = useFolder('bulk-cli');

const fileOf = async (name: string, content: string): Promise<string> => {
  const path = join(folder(), name);
  await writeFile(path, content);
  return path;
};
const idOf = (out: string): string => /blk_\w+/.exec(out)![0];

describe('with a worker', () => {
  let system: System;
  let bulks: Bulks;
  beforeAll(async () => {
    system = await startSystem({ simulator: ['--assistants', String(ASSISTANTS)] });
    bulks = bulksOf(system);
  });
  afterAll(() => system.stop());
  const rekey = (args: string[], options?: RekeyOptions) => startRekey(system, args, options).result;
  const create = (...args: string[]) => rekey(['bulk', 'create', '--yes', '--org', 'org_demo', ...args]);

  it('a dry run shows its size and cost, and rotates nothing', async () => {
    const before = (await system.admin('GET', '/counts')).rotate;
    const { code, out } = await create('--all', '--dry-run');
    expect(code).toBe(0);
    expect(out).toMatch(/state +VALIDATED/);
    expect(out).toMatch(new RegExp(`would be rotated +${ASSISTANTS}\n`));
    expect(out).toMatch(/estimate +\d+ requests to Invent, about \d/);
    expect((await system.admin('GET', '/counts')).rotate).toBe(before);
  });

  it('a dry run names assistants that cannot be rotated, and exits with 1', async () => {
    const ids = await fileOf('dry.txt', 'ast_1\nnobody\n');
    const { code, out } = await create('--ids-file', ids, '--dry-run');
    expect(code).toBe(1);
    expect(out).toMatch(/cannot be rotated:\n +FAILED +nobody +ASSISTANT_NOT_FOUND: .*Check the org/);
  });

  it('rotates all, with progress lines without a terminal, and writes results to a file', async () => {
    const results = join(folder(), 'all.csv');
    const { code, out, err } = await create(
      '--all',
      '--watch',
      '--reason',
      'quarterly',
      '--results-file',
      results,
    );
    expect(err).toContain(`${ASSISTANTS} assistants written to ${results}`);
    expect(code).toBe(0);
    // The bulk may be prepared before the first line.
    expect(out).toMatch(/^blk_\w+ {2}(PREPARING|RUNNING)/);
    expect(out).toMatch(
      new RegExp(`^blk_\\w+ {2}COMPLETED {2}${ASSISTANTS} of ${ASSISTANTS} {2}100.0%`, 'm'),
    );
    expect(out).toMatch(/reason +quarterly/);
    expect(out).toMatch(new RegExp(`verified +${ASSISTANTS} published keys are in force`));
    const lines = (await readFile(results, 'utf8')).trim().split('\r\n');
    expect(lines[0]).toMatch(/^assistant_id,state,reason,message,version,rotation_id,publish_time,/);
    expect(
      lines
        .slice(1)
        .every((line) => /^ast_\d+,SUCCEEDED,,,\d+,rot_\w+,20[^,]+Z,blk_\w+,org_demo,/.test(line)),
    ).toBe(true);
    expect(lines).toHaveLength(ASSISTANTS + 1);
    await expectTruth(system);
  });

  it('reads ids from stdin with BOM, CRLF, blank lines, duplicates; exits with 1 if some fail', async () => {
    const results = join(folder(), 'some.jsonl');
    const { code, out, err, json } = await rekey(
      [
        'bulk',
        'create',
        '--yes',
        '--org',
        'org_demo',
        '--ids-file',
        '-',
        '--max-failures',
        '50%',
        '--watch',
        '--json',
        '--results-file',
        results,
      ],
      { stdin: '\\xef\\xbb\\xbfast_3\\r\\n\\r\\n nobody \\r\\nast_3\\r\\nast_4' },
    );
    expect(code).toBe(1);
    expect(json().at(-1)).toMatchObject({
      state: 'COMPLETED',
      max_failures: { percent: 50 },
      counts: { total: 3, succeeded: 2, failed: 1, duplicates: 1 },
      last_failures: [{ assistant_id: 'nobody', reason: 'ASSISTANT_NOT_FOUND' }],
    });
    const id = idOf(out);
    expect(err).toContain(`rekey bulk retry ${id}`);
    const TIME = /^20\d\d-\d\d-\d\dT/;
    const succeeded = {
      state: 'SUCCEEDED',
      version: expect.any(Number),
      rotation_id: expect.stringMatching(/^rot_/),
      publish_time: expect.stringMatching(TIME),
    };
    expect(
      (await readFile(results, 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(
      [
        { assistant_id: 'ast_3', ...succeeded },
        {
          assistant_id: 'nobody',
          state: 'FAILED',
          error: expect.objectContaining({ reason: 'ASSISTANT_NOT_FOUND' }),
        },
        { assistant_id: 'ast_4', ...succeeded },
      ].map((item) => ({
        ...item,
        bulk_rotation_id: id,
        org_id: 'org_demo',
        requested_by: 'local',
        request_time: expect.stringMatching(TIME),
        end_time: expect.stringMatching(TIME),
      })),
    );

    expect((await rekey(['bulk', 'items', id, '--state', 'failed'])).out).toMatch(
      /^ASSISTANT +STATE +ERROR\nnobody +FAILED +ASSISTANT_NOT_FOUND: .*then retry the bulk rotation\.\n$/,
    );
    expect((await rekey(['bulk', 'items', id, '--limit', '1', '--json'])).json()).toEqual([
      { assistant_id: 'ast_3', ...succeeded },
    ]);
    expect(await rekey(['bulk', 'retry', id])).toMatchObject({ code: 0 });
    expect(await rekey(['get', id, '--wait'])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/failed +1/),
    });
  });

  it('exits with 3 after the canary, says how to resume, and resumes', async () => {
    const ids = await fileOf('canary.txt', 'ast_5\nast_6\nast_7\n');
    const stopped = await create('--ids-file', ids, '--canary', '1', '--watch');
    expect(stopped.code).toBe(3);
    const id = idOf(stopped.out);
    expect(stopped.err).toMatch(new RegExp(`${id} is PAUSED.*rekey bulk resume ${id}.*CANARY_DONE`));
    const resumed = await rekey(['bulk', 'resume', id]);
    expect(resumed).toMatchObject({ code: 0, out: expect.stringContaining(`rekey bulk watch ${id}`) });
    expect(await rekey(['bulk', 'watch', id])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/succeeded +3/),
    });
  });

  it('halts at the first failure if none is allowed, and exits with 3', async () => {
    const ids = await fileOf(
      'halt.txt',
      ['nobody', ...Array.from({ length: 40 }, (_, i) => `nobody_${i}`)].join('\n'),
    );
    const { code, err, out } = await create('--ids-file', ids, '--max-failures', '0', '--watch');
    expect(code).toBe(3);
    expect(err).toMatch(/HALTED.*TOO_MANY_FAILURES/);
    expect(await rekey(['bulk', 'cancel', idOf(out)])).toMatchObject({ code: 0 });
    expect((await bulks.ended({ id: idOf(out) })).state).toBe('CANCELLED');
    expect(await rekey(['bulk', 'watch', idOf(out)])).toMatchObject({
      code: 1,
      out: expect.stringContaining('CANCELLED_BY_OPERATOR'),
    });
  });

  it('creates nothing from a file with invalid lines, and reports their numbers', async () => {
    const before = (await rekey(['bulk', 'list', '--json'])).json().length;
    const ids = await fileOf('bad.txt', `${'ast_1\n'.repeat(20_000)}bad/id\r\nast_2\n..\n`);
    expect(await create('--ids-file', ids)).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /line 20001 must not contain .*; line 20003 must not be a dot segment\. Nothing was created\./,
      ),
    });
    expect((await rekey(['bulk', 'list', '--json'])).json()).toHaveLength(before);
    expect(await system.redis.keys('{rekey}:bulk:*:ids')).toHaveLength(
      (await system.client.listBulkRotations({ pageSize: 100 })).bulkRotations.length,
    );
  });

  it('explains what is wrong with a request', async () => {
    const empty = await fileOf('empty.txt', '\r\n');
    expect(await create('--ids-file', empty)).toMatchObject({
      code: 1,
      err: expect.stringContaining('holds no ids'),
    });
    expect(await create()).toMatchObject({ code: 1, err: expect.stringContaining('Which assistants?') });
    expect(await create('--all', '--results-file', 'r.txt')).toMatchObject({
      code: 1,
      err: expect.stringContaining('.csv or .jsonl'),
    });
    expect(await create('--all', '--reason', 'a\nb')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/reason .*INVALID_ARGUMENT/),
    });
    expect(await rekey(['bulk', 'get', 'blk_01ARZ3NDEKTSV4RRFFQ69G5FAV'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('BULK_NOT_FOUND'),
    });
    expect(await create('--all', '--older-than', '90d', '--gateway', '127.0.0.1:1')).toMatchObject({
      code: 2,
      err: expect.stringMatching(
        /repeat with --request-id [0-9a-f-]{36} --rotated-before 20\S+Z instead of --older-than/,
      ),
    });
  });

  it('returns the same bulk for the same request id, and says if the canary is the whole set', async () => {
    const ids = await fileOf('same.txt', 'ast_8\n');
    const again = () =>
      create(
        '--ids-file',
        ids,
        '--request-id',
        '0b6c4e52-1f6a-4b8e-9d2c-3a5b7c9d1e2f',
        '--canary',
        '5',
        '--canary-continues',
      );
    const [first, second] = [await again(), await again()];
    expect(first).toMatchObject({
      code: 0,
      err: expect.stringContaining('the canary of 5 covers all assistants'),
    });
    expect(idOf(second.out)).toBe(idOf(first.out));
    expect((await bulks.ended({ id: idOf(first.out) })).counts!.succeeded).toBe(1);
  });

  it('lists bulk rotations, newest first', async () => {
    const { out } = await rekey(['bulk', 'list', '--state', 'validated', '--limit', '1']);
    expect(out).toMatch(/^ID .*\nblk_\w+ {2}org_demo {2}VALIDATED .* ago +2\/2 +1 +- +local\n$/);
  });

  it('doctor checks everything, with one request to Invent', async () => {
    const before = (await system.admin('GET', '/counts')).list;
    const { code, out } = await rekey(['doctor', '--gateway', system.gateway.ready['address']!], {
      env: system.environment,
    });
    expect(
      out
        .split('\n')
        .map((line) => line.split(/ {2,}/).slice(0, 2).join(' '))
        .filter(Boolean),
    ).toEqual([
      'ok gateway',
      'ok registry',
      'ok key file',
      'ok gateway key file',
      'ok redis',
      'ok redis memory',
      expect.stringMatching(/^(ok|warn) redis durability$/),
      'ok redis rights',
      'ok ledger',
      'ok invent',
    ]);
    expect(code).toBe(0);
    expect((await system.admin('GET', '/counts')).list).toBe(before + 1);
  });

  it('doctor exits with 1 if a check fails, and advises what to do', async () => {
    const other = join(folder(), 'key.json');
    await rekey(['key-file', 'create', other]);
    const { code, json } = await rekey(['doctor', '--json', '--gateway', '127.0.0.1:1'], {
      env: {
        REKEY_KEY_FILE: other,
        INVENT_BASE_URL: system.environment['INVENT_BASE_URL']!,
        INVENT_API_KEY: 'wrong',
      },
    });
    expect(code).toBe(1);
    expect(
      json()
        .filter(({ status }) => status === 'fail')
        .map(({ check }) => check),
    ).toEqual(['gateway', 'ledger', 'invent']);
  });
});

describe('without a worker', () => {
  let system: System;
  let ids: string;
  beforeAll(async () => {
    system = await startSystem({ worker: false, simulator: ['--assistants', '10'] });
    ids = await fileOf('still.txt', 'ast_1\nast_2\n');
  });
  afterAll(() => system.stop());
  const start = (...args: string[]) => startRekey(system, args);

  it('exits with 3 at the timeout, and writes the results so far', async () => {
    const results = join(folder(), 'timeout.csv');
    const { code, err } = await start(
      'bulk',
      'create',
      '--yes',
      '--org',
      'org_demo',
      '--ids-file',
      ids,
      '--watch',
      '--timeout',
      '1',
      '--results-file',
      results,
    ).result;
    expect(code).toBe(3);
    expect(err).toMatch(
      /not ended after 1 s; no worker is live: .*\. Follow it again: rekey bulk watch blk_/,
    );
    expect(await readFile(results, 'utf8')).toContain('ast_2,WAITING');
  });

  it('leaves the bulk running at Ctrl-C, and says how to follow or stop it', async () => {
    const following = start('bulk', 'create', '--yes', '--org', 'org_demo', '--ids-file', ids, '--watch');
    await following.untilOut(/RUNNING/);
    following.child.signal('SIGINT');
    const { code, out, err } = await following.result;
    const id = idOf(out);
    expect(code).toBe(3);
    expect(err).toContain(
      `rekey bulk watch ${id}; stop it: rekey bulk pause ${id}, or rekey bulk cancel ${id}`,
    );
    expect(await start('bulk', 'pause', id).result).toMatchObject({
      code: 0,
      out: expect.stringMatching(/PAUSED_BY_OPERATOR[^]*Resume it: rekey bulk resume/),
    });
  });

  it('continues to follow after the gateway was away', async () => {
    const port = system.gateway.ready['address']!.split(':')[1]!;
    const following = start(
      'bulk',
      'create',
      '--yes',
      '--org',
      'org_demo',
      '--ids-file',
      await fileOf('away.txt', 'ast_9\nast_10\n'),
      '--watch',
    );
    await following.untilOut(/RUNNING/);
    await system.gateway.child.kill();
    await following.untilErr(/reconnecting/);
    await system.startGateway({ GRPC_ADDRESS: `127.0.0.1:${port}` });
    await system.startWorker();
    expect(await following.result).toMatchObject({ code: 0, out: expect.stringMatching(/succeeded +2/) });
  });
});
