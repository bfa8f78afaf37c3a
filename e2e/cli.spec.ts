import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { repositoryRoot, startChild } from '@rekey/testing';
import { startSystem, type System } from './system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

const rekey = async (args: string[], env: Record<string, string> = {}) => {
  const child = startChild(process.execPath, ['--conditions=@rekey/source', join(repositoryRoot, 'apps/cli/src/main.ts'), ...args], {
    env: { PATH: process.env['PATH'], REDIS_URL: system.redisServer.url, GRPC_ADDRESS: system.gateway.ready['address'], ...env },
  });
  let [out, err] = ['', ''];
  child.process.stdout?.on('data', (chunk) => (out += chunk));
  child.process.stderr?.on('data', (chunk) => (err += chunk));
  const { code } = await child.exited;
  return { code, out, err, json: () => out.trim().split('\n').map((line) => JSON.parse(line)) };
};

describe('rekey rotate', () => {
  it('waits for the end and shows it', async () => {
    const { code, out } = await rekey(['rotate', 'org_demo', 'ast_1', '--wait', '--reason', 'by hand']);
    expect(code).toBe(0);
    expect(out).toMatch(/state +SUCCEEDED/);
    expect(out).toMatch(/reason +by hand/);
  });

  it('prints one JSON object with the names of the contract', async () => {
    const requestId = crypto.randomUUID();
    const { json } = await rekey(['rotate', 'org_demo', 'ast_2', '--wait', '--json', '--request-id', requestId]);
    expect(json()).toEqual([expect.objectContaining({ org_id: 'org_demo', assistant_id: 'ast_2', state: 'SUCCEEDED', cause: 'ROTATION', request_id: requestId, version: expect.any(Number) })]);
  });

  it('ends with 1 for a rotation that failed, and says what to do', async () => {
    const { code, out } = await rekey(['rotate', 'org_demo', 'nobody', '--wait']);
    expect(code).toBe(1);
    expect(out).toMatch(/ASSISTANT_NOT_FOUND.*Check the org and assistant ids/);
  });

  it('ends with 1 for a request that is wrong, in words or as JSON', async () => {
    expect(await rekey(['rotate', 'org_demo', '../x'])).toMatchObject({ code: 1, out: '', err: expect.stringContaining('assistant_id must not contain') });
    const { err } = await rekey(['rotate', 'org_demo', '../x', '--json']);
    expect(JSON.parse(err)).toEqual({ error: { reason: 'INVALID_ARGUMENT', message: expect.stringContaining('assistant_id') } });
  });

  it('ends with 2 where nobody answers, and says how to tell it where the gateway is', async () => {
    const { code, err } = await rekey(['rotate', 'org_demo', 'ast_1', '--gateway', '127.0.0.1:1']);
    expect(code).toBe(2);
    expect(err).toContain('GRPC_ADDRESS');
    expect(err).toMatch(/repeat with --request-id [0-9a-f-]{36}/);
  });

  it('ends with 3 when the time is over', async () => {
    await system.admin('POST', '/faults', { assistantId: 'ast_3', kind: 'hangBefore' });
    const { code, err } = await rekey(['rotate', 'org_demo', 'ast_3', '--wait', '--timeout', '0.3']);
    expect(code).toBe(3);
    const goOn = /rekey get (rot_\w+ --wait)/.exec(err)![1]!;
    expect(await rekey(['get', ...goOn.split(' ')])).toMatchObject({ code: 0, out: expect.stringContaining('SUCCEEDED') });
  });
});

describe('rekey get, list, cancel, health', () => {
  it('show what there is', async () => {
    const { id } = await system.rotateAndWait('ast_4');
    expect((await rekey(['get', id, '--json'])).json()[0]).toMatchObject({ id, state: 'SUCCEEDED' });
    expect((await rekey(['get', 'ast_4', '--json'])).json()[0]).toMatchObject({ assistant_id: 'ast_4', rotation_id: id, sealed: expect.any(String) });
    expect((await rekey(['list', '--assistant', 'ast_4', '--state', 'succeeded'])).out).toMatch(new RegExp(`^${id}  SUCCEEDED +org_demo/ast_4\n$`));
    expect(await rekey(['cancel', id])).toMatchObject({ code: 1, err: expect.stringContaining('ROTATION_NOT_CANCELLABLE') });
    expect(await rekey(['health'])).toMatchObject({ code: 0, out: 'SERVING\n' });
    expect((await rekey(['get', 'never_seen'])).err).toContain('ASSISTANT_NOT_KNOWN');
  });
});

describe('rekey events', () => {
  it('follows the stream from its start, and opens with the key file', async () => {
    await system.rotateAndWait('ast_5');
    const count = (await system.events()).length;
    const sealed = await rekey(['events', '--from', 'start', '--count', String(count), '--json']);
    expect(sealed.json()).toEqual(await system.events());
    const opened = await rekey(['events', '--from', 'start', '--count', String(count), '--json', '--open', '--key-file', system.keyFile]);
    expect(opened.json().at(-1).opened.assistant.secret_key).toBe(await system.trueKey('ast_5'));
    const text = await rekey(['events', '--from', 'start', '--count', '1']);
    expect(text.out).toMatch(/seq 1  org_demo\/ast_\d+  version \d+  rotation/);
    expect(text.out).not.toContain('secret_key');
  });

  it('misses nothing that comes after its start', async () => {
    const following = rekey(['events', '--count', '1', '--json']);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { id } = await system.rotateAndWait('ast_6');
    expect((await following).json()[0].data.rotation_id).toBe(id);
  });

  it('says what is missing', async () => {
    expect(await rekey(['events', '--open'])).toMatchObject({ code: 1, err: expect.stringContaining('--key-file') });
    expect(await rekey(['events', '--redis', 'redis://127.0.0.1:1'])).toMatchObject({ code: 2, err: expect.stringContaining('REDIS_URL') });
    expect(await rekey(['events', '--open', '--key-file', '/no/such'])).toMatchObject({ code: 1, err: expect.stringContaining('does not exist') });
  });
});

describe('rekey key-file', () => {
  it('makes a key file once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rekey-cli-'));
    const path = join(folder, 'key.json');
    expect(await rekey(['key-file', 'create', path])).toMatchObject({ code: 0 });
    expect(await rekey(['key-file', 'create', path])).toMatchObject({ code: 1, err: expect.stringContaining('left as it is') });
    expect(await rekey(['key-file', 'create', path, '--if-missing'])).toMatchObject({ code: 0 });
    await rm(folder, { recursive: true });
  });
});

describe('rekey --help', () => {
  it.each([[], ['rotate'], ['events'], ['list']])('teaches: %j', async (...command) => {
    const { code, out } = await rekey([...command.flat(), '--help']);
    expect(code).toBe(0);
    expect(out).toContain('Usage: rekey');
  });
});
