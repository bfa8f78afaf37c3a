import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import {
  clientStreaming,
  loadContract,
  toProtoBulkRotation,
  toProtoRotation,
  toProtoSweep,
  unary,
  type ProtoStatus,
} from '@rekey/rpc';
import type { BulkRotation, BulkState, Rotation, RotationState, SweepState } from '@rekey/schema';
import { Command } from 'commander';
import { exitCodes } from '../failure.ts';
import { bulkCommand } from './bulk.ts';
import { consumerCommand } from './consumer.ts';
import { getCommand } from './get.ts';
import { policyCommand } from './policy.ts';
import { cancelCommand, retryCommand, rotateCommand } from './rotations.ts';
import { sweepCommand } from './sweep.ts';

const ROT = 'rot_01ARZ3NDEKTSV4RRFFQ69G5FAV';
const BLK = 'blk_01ARZ3NDEKTSV4RRFFQ69G5FAV';
const counts = {
  total: 4,
  waiting: 0,
  rotating: 0,
  unknown: 0,
  succeeded: 4,
  shared: 0,
  failed: 0,
  cancelled: 0,
  valid: 0,
  duplicates: 0,
};

/** The responses of the gateway. */
let rotation: RotationState;
let before: RotationState;
let sweep: SweepState;
let bulk: BulkState;
let failed: number;
let held: ProtoStatus['heldOrgs'][];
let requests: Record<string, unknown>[];
const zero = { createdMs: 0, updatedMs: 0 };
const protoRotation = (state: RotationState, id = ROT) =>
  toProtoRotation({
    id,
    orgId: 'org_1',
    assistantId: 'ast_1',
    state,
    reason: '',
    attempts: 1,
    ...zero,
    ...(state === 'FAILED' && { errorCode: 'ASSISTANT_NOT_FOUND' }),
  } satisfies Rotation);
const protoBulk = () =>
  toProtoBulkRotation({
    id: BLK,
    orgId: 'org_1',
    reason: '',
    selection: { kind: 'ids' },
    urgent: false,
    validateOnly: false,
    maxFailures: { percent: 5 },
    lastFailures: [],
    ...zero,
    state: bulk,
    counts: { ...counts, succeeded: 4 - failed, failed },
  } satisfies BulkRotation);
const consumers = Array.from({ length: 5 }, (_, i) => ({ name: `c${i}`, orgs: ['*'], state: 'ACTIVE' }));
const policies = Array.from({ length: 5 }, (_, i) => ({ id: `pol_${i}`, orgId: 'org_1', everyDays: 90 }));
/** Two elements per page, whatever the request. */
const page = <T>(all: T[], pageToken: string) => ({
  some: all.slice(Number(pageToken), Number(pageToken) + 2),
  nextPageToken: Number(pageToken) + 2 < all.length ? String(Number(pageToken) + 2) : '',
});

let server: Server;
let gateway: string;
beforeAll(async () => {
  const { v1 } = loadContract();
  server = new Server();
  const answer = (respond: (request: any) => unknown) =>
    unary(
      async (request) => respond(request),
      () => {},
    );
  const add = (service: { service: any }, handlers: Record<string, unknown>) =>
    server.addService(service.service, handlers as UntypedServiceImplementation);
  add(v1.RotationService, {
    RotateSecretKey: answer(() => protoRotation(rotation)),
    GetRotation: answer(() => protoRotation(before)),
    WaitRotation: answer(() => protoRotation(rotation)),
    CancelRotation: answer(() => protoRotation('CANCELLED')),
  });
  add(v1.SystemService, {
    GetStatus: answer(() => ({ heldOrgs: held.length > 1 ? held.shift() : held[0] })),
  });
  add(v1.SweepService, {
    CreateSweep: answer(
      (request) =>
        requests.push(request) &&
        toProtoSweep({
          id: 'swp_1',
          state: sweep,
          ...zero,
          counts: {} as never,
          ...(sweep === 'FAILED' && { errorCode: 'INTERNAL' }),
        }),
    ),
  });
  const change = answer(protoBulk);
  add(v1.BulkRotationService, {
    CreateBulkRotation: clientStreaming(
      async (messages) => {
        for await (const message of messages) void message;
        return protoBulk();
      },
      () => {},
      { idleMs: 1000 },
    ),
    GetBulkRotation: change,
    PauseBulkRotation: change,
    ResumeBulkRotation: change,
    CancelBulkRotation: change,
    RetryBulkRotation: change,
  });
  add(v1.ConsumerService, {
    ListConsumers: answer(({ pageToken }) =>
      (({ some, nextPageToken }) => ({ consumers: some, nextPageToken }))(page(consumers, pageToken)),
    ),
  });
  add(v1.RotationPolicyService, {
    ListRotationPolicies: answer(({ pageToken }) =>
      (({ some, nextPageToken }) => ({
        rotationPolicies: some.map((one) => ({ ...one, window: { cron: '', timeZone: '', length: null } })),
        nextPageToken,
      }))(page(policies, pageToken)),
    ),
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  gateway = `127.0.0.1:${port}`;
});
afterAll(() => server.forceShutdown());

let out: string;
beforeEach(() => {
  [rotation, before, sweep, bulk, failed, out] = ['QUEUED', 'FAILED', 'QUEUED', 'RUNNING', 0, ''];
  [held, requests] = [[[]], []];
  const take = (text: unknown) => {
    out += String(text);
    return true;
  };
  jest.spyOn(process.stdout, 'write').mockImplementation(take as never);
  jest.spyOn(process.stderr, 'write').mockImplementation(take as never);
  process.exitCode = undefined;
});
afterEach(() => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
});

/** The exit code of a command. */
const rekey = async (...args: string[]): Promise<unknown> => {
  const program = new Command('rekey');
  for (const command of [
    rotateCommand(),
    retryCommand(),
    cancelCommand(),
    getCommand(),
    bulkCommand(),
    policyCommand(),
    sweepCommand(),
    consumerCommand(),
  ])
    program.addCommand(command);
  await program.parseAsync([...args, '--gateway', gateway], { from: 'user' });
  return process.exitCode ?? exitCodes.ok;
};

describe('a command that requests a rotation', () => {
  it.each<[RotationState, number]>([
    ['QUEUED', 0],
    ['ROTATING', 0],
    ['RECONCILING', 0],
    ['SUCCEEDED', 0],
    ['FAILED', 1],
    ['CANCELLED', 1],
  ])('and receives one in state %s exits with %i', async (state, code) => {
    rotation = state;
    expect(await rekey('retry', ROT)).toBe(code);
    expect(out).toContain(state);
    process.exitCode = undefined;
    expect(await rekey('rotate', 'org_1', 'ast_1')).toBe(code);
    process.exitCode = undefined;
    expect(await rekey('rotate', 'org_1', 'ast_1', '--json')).toBe(code);
  });

  it.each<[RotationState, number]>([
    ['SUCCEEDED', 0],
    ['FAILED', 1],
    ['CANCELLED', 1],
  ])('and waits until it has %s exits with %i', async (state, code) => {
    rotation = state;
    expect(await rekey('retry', ROT, '--wait')).toBe(code);
    process.exitCode = undefined;
    expect(await rekey('rotate', 'org_1', 'ast_1', '--wait')).toBe(code);
    [process.exitCode, before] = [undefined, state];
    expect(await rekey('get', ROT, '--wait')).toBe(code);
  });

  it('shows how to retry a failed rotation', async () => {
    rotation = 'FAILED';
    await rekey('retry', ROT);
    expect(out).toContain(`${ROT} has ended as FAILED. Retry it: rekey retry ${ROT}`);
  });
});

describe('a command that shows or ends something', () => {
  it('exits with 0 whatever state it shows', async () => {
    [before, bulk, failed] = ['FAILED', 'FAILED', 4];
    expect(await rekey('get', ROT)).toBe(0);
    expect(await rekey('get', BLK)).toBe(0);
    expect(await rekey('bulk', 'get', BLK)).toBe(0);
  });

  it('exits with 0 if it has ended it', async () => {
    bulk = 'PAUSED';
    expect(await rekey('bulk', 'pause', BLK)).toBe(0);
    bulk = 'CANCELLED';
    expect(await rekey('cancel', ROT)).toBe(0);
    expect(await rekey('bulk', 'cancel', BLK)).toBe(0);
  });
});

describe('a command that requests a sweep or a bulk rotation', () => {
  it.each<[SweepState, number]>([
    ['QUEUED', 0],
    ['SUCCEEDED', 0],
    ['FAILED', 1],
  ])('and receives a sweep in state %s exits with %i', async (state, code) => {
    sweep = state;
    expect(await rekey('sweep', '--no-wait')).toBe(code);
  });

  it.each<[BulkState, number, number]>([
    ['PREPARING', 0, 0],
    ['RUNNING', 0, 0],
    ['COMPLETED', 0, 0],
    ['COMPLETED', 1, 1],
    ['FAILED', 0, 1],
    ['CANCELLED', 0, 1],
    ['VALIDATED', 0, 0],
    ['VALIDATED', 2, 1],
    ['HALTED', 1, 3],
    ['PAUSED', 0, 3],
  ])(
    'and receives a bulk rotation in state %s with %i failures exits with %i',
    async (state, failures, code) => {
      [bulk, failed] = [state, failures];
      for (const args of [
        ['create', '--org', 'org_1', '--all', '--yes'],
        ['retry', BLK],
        ['resume', BLK],
      ]) {
        process.exitCode = undefined;
        expect([args[0], await rekey('bulk', ...args)]).toEqual([args[0], code]);
      }
    },
  );
});

describe('a list', () => {
  it('shows the elements of all pages', async () => {
    expect(await rekey('consumer', 'list')).toBe(0);
    expect(await rekey('policy', 'list')).toBe(0);
    for (const name of [...consumers.map((one) => one.name), ...policies.map(({ id }) => id)])
      expect(out).toContain(name);
  });
});

describe('rekey sweep --accept-removals', () => {
  const hold = (more: Partial<ProtoStatus['heldOrgs'][number]> = {}) =>
    [
      {
        orgId: 'org_1',
        sinceTime: { seconds: '1700000000', nanos: 0 },
        reason: 'TOO_MANY_GONE',
        affectedCount: 12,
        knownCount: 30,
        ...more,
      },
    ] as ProtoStatus['heldOrgs'];
  const accept = (...args: string[]) => rekey('sweep', 'org_1', '--accept-removals', '--no-wait', ...args);
  /** A terminal whose operator answers the questions. */
  const answering = (text: string) => {
    const terminal = new PassThrough() as unknown as typeof process.stdin;
    terminal.isTTY = true;
    terminal.push(text);
    jest.spyOn(process, 'stdin', 'get').mockReturnValue(terminal);
  };

  it.each<[string, number, RegExp]>([
    [
      'TOO_MANY_GONE',
      12,
      /12 of 30 known assistants\nthen .*At least 12 assistants are published as deleted/,
    ],
    ['TOO_MANY_WITHOUT_KEY', 9, /9 of 30.*\n.*At least 9 assistants are published as without a key/],
    [
      'TOO_MANY_CHANGED',
      8,
      /8 of 30.*\n.*At least 8 assistants are published with the keys that Invent shows now/,
    ],
    [
      'ORG_CHANGED',
      30,
      /30 of 30.*\n.*All 30 known assistants are published as deleted.*that Invent lists now are imported/,
    ],
    ['KEYS_NOT_SHOWN', 2, /2 of 30.*\n.*are never published/],
    ['OF_A_LATER_VERSION', 1, /1 of 30.*\n.*Changes of this kind/],
  ])('shows the hold and what accepting it does: %s', async (reason, affectedCount, shown) => {
    held = [hold({ reason, affectedCount })];
    expect(await accept('--yes')).toBe(0);
    expect(out).toMatch(/org +org_1\nheld since +2023-11-14T22:13:20.000Z\nreason +[A-Z_]+\n/);
    expect(out).toMatch(shown);
    expect(requests).toEqual([{ orgId: 'org_1', acceptRemovals: true }]);
  });

  it('does nothing without --yes if standard input is not a terminal', async () => {
    held = [hold()];
    jest.spyOn(process, 'stdin', 'get').mockReturnValue(new PassThrough() as unknown as typeof process.stdin);
    await expect(accept()).rejects.toMatchObject({
      reason: 'NOT_CONFIRMED',
      exitCode: exitCodes.failed,
      message: expect.stringContaining('--yes'),
    });
    expect(requests).toEqual([]);
  });

  it('follows the answer of the operator', async () => {
    held = [hold()];
    answering('n\n');
    await expect(accept()).rejects.toMatchObject({ reason: 'NOT_CONFIRMED' });
    expect(requests).toEqual([]);
    answering('y\n');
    expect(await accept()).toBe(0);
    expect(requests).toHaveLength(1);
  });

  it.each([{ affectedCount: 13 }, { reason: 'ORG_CHANGED' }])(
    'does nothing if the hold has grown when the operator answers: %j',
    async (more) => {
      held = [hold(), hold(more)];
      answering('y\n');
      await expect(accept()).rejects.toMatchObject({ reason: 'HOLD_CHANGED', exitCode: exitCodes.failed });
      expect(requests).toEqual([]);
    },
  );

  it('does not ask about an org that is not on hold, and leaves the decision to the gateway', async () => {
    held = [hold({ orgId: 'org_2' })];
    expect(await accept()).toBe(0);
    expect(requests).toEqual([{ orgId: 'org_1', acceptRemovals: true }]);
  });
});
