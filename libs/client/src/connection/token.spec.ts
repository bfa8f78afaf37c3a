import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { createRekeyClient, type RekeyClient } from '../client.ts';

const ID = 'rot_01ARZ3NDEKTSV4RRFFQ69G5FAV';
let client: RekeyClient;
afterEach(() => client.close());
const connect = (token: () => string | Promise<string>): RekeyClient =>
  (client = createRekeyClient({ address: '127.0.0.1:1', retry: false, deadlineMs: 300, token }));
const never = () => new Promise<string>(() => {});

describe('a call whose token does not come', () => {
  it('keeps its deadline', async () => {
    await expect(connect(never).getRotation(ID)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('ends when the client is closed', async () => {
    const call = connect(never).getRotation(ID);
    setTimeout(() => client.close(), 20);
    await expect(call).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
  });

  it('has no effect when it comes too late', async () => {
    const late = connect(() => new Promise((resolve) => setTimeout(resolve, 400, 'a.b.c')));
    await expect(late.getRotation(ID)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await new Promise((resolve) => setTimeout(resolve, 200));
  });
});

describe('a call whose token cannot be had', () => {
  it('fails, and quotes no part of it', async () => {
    const error = await connect(() => 'hunter2\n!')
      .getRotation(ID)
      .catch((refusal: unknown) => refusal);
    expect(String((error as Error).message)).toContain('has characters that no token has');
    expect(JSON.stringify(error) + String(error)).not.toContain('hunter2');
  });
});

it('a token that a pipe has passed on is kept: a pipe gives it once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-token-'));
  const file = join(folder, 'pipe');
  execFileSync('mkfifo', [file]);
  // As a shell does for `<(…)`: what is written waits in the pipe.
  const reader = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  await writeFile(file, 'a.b.c');
  client = createRekeyClient({ address: '127.0.0.1:1', retry: false, deadlineMs: 300, token: { file } });
  const reasonOf = () => client.getRotation(ID).catch(({ code }: { code: string }) => code);
  const first = await reasonOf();
  const laterMs = performance.now() + 2000;
  jest.spyOn(performance, 'now').mockReturnValue(laterMs);
  expect(await reasonOf()).toBe(first);
  expect(first).not.toBe('UNAUTHENTICATED');
  jest.restoreAllMocks();
  await reader.close();
  await rm(folder, { recursive: true });
});
