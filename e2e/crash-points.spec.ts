import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createLedger, createRotationQueue } from '@rekey/ledger';
import { connectGateway } from '@rekey/rpc';
import type { App, TcpProxy } from '@rekey/testing';
import { patternsOf } from './commands.ts';
import { failureOf } from './failure-of.ts';
import { expectTruth, untilQueuesAreEmpty } from './invariants.ts';
import { eventually, proxyTo, startSystem, type System } from './system.ts';

// Between accept and commit, a process is killed at each step: at a proxy, in the very chunk in which the
// step is made. All cases share a system; the worker that takes over in one is the one that is killed in the
// next.

const READ_LAG_MS = 100;

let system: System;
let redisProxy: TcpProxy & { url: string };
let upstreamProxy: TcpProxy & { url: string };
/** By what a command is recognised on the wire. */
let sent: Record<'accept' | 'claim' | 'commit' | 'unknown' | 'settle' | 'release' | 'fail', string[]>;
let worker: App;
let next = 0;

const startWorker = () =>
  system.startWorker({ REDIS_URL: redisProxy.url, INVENT_BASE_URL: upstreamProxy.url });

beforeAll(async () => {
  const timing = {
    INVENT_TIMEOUT_MS: '500',
    REKEY_LANDING_WINDOW_MS: '600',
    REKEY_READ_LAG_MS: String(READ_LAG_MS),
    REKEY_TAKEOVER_AFTER_MS: '1200',
  };
  system = await startSystem({ worker: false, timing });
  redisProxy = await proxyTo(system.redisServer.url);
  upstreamProxy = await proxyTo(system.environment['INVENT_BASE_URL']!);
  sent = {
    accept: patternsOf('accept'),
    claim: patternsOf('claim'),
    commit: patternsOf('commit'),
    unknown: patternsOf('note-unknown'),
    settle: patternsOf('settle'),
    release: patternsOf('release'),
    fail: patternsOf('fail'),
  };
  worker = await startWorker();
});
afterAll(async () => {
  await redisProxy.close();
  await upstreamProxy.close();
  await system.stop();
});
afterEach(() => system.admin('DELETE', '/faults'));

/** An assistant of its own for each test, with a key that is published. */
const published = async (): Promise<string> => {
  const id = `ast_${(next += 1)}`;
  await system.rotateAndWait(id);
  // What is read sooner after it says nothing: reads may lag behind by so much.
  await sleep(READ_LAG_MS);
  return id;
};
const rotationsOf = async (assistantId: string): Promise<number> =>
  (await system.admin('GET', `/assistants/${assistantId}`)).rotations;
const versionsOf = async (assistantId: string) =>
  (await system.versions()).filter(({ subject }) => subject === assistantId);

/** A client of a gateway that has found its Redis. */
const connected = async (gateway: App) => {
  const client = connectGateway(gateway.ready['address']!);
  await eventually(
    () =>
      client.getStatus({}).then(
        () => true,
        () => false,
      ),
    (serves) => serves,
  );
  return client;
};

describe('a gateway that is killed', () => {
  const BULL_KEYS = '{rekey}:bull:rotations:';

  it.each([
    [
      'after the rotation is recorded, before it hears of that',
      (gateway: TcpProxy) => [gateway, sent.accept, 'after'] as const,
    ],
    ['before the job reaches the queue', (gateway: TcpProxy) => [gateway, BULL_KEYS, 'before'] as const],
    [
      'after the job is queued, before it answers',
      (gateway: TcpProxy) => [gateway, BULL_KEYS, 'after'] as const,
    ],
  ])('%s has taken the rotation on: it happens, and only once', async (_when, point) => {
    const assistantId = await published();
    const gatewayProxy = await proxyTo(system.redisServer.url);
    const gateway = await system.startGateway({ REDIS_URL: gatewayProxy.url });
    const client = await connected(gateway);
    const request = { orgId: 'org_demo', assistantId, requestId: randomUUID() };
    const [proxy, pattern, when] = point(gatewayProxy);
    const killed = proxy.once(pattern, when, async () => {
      await eventually(
        () => system.redis.exists(`{rekey}:request:${request.requestId}`),
        (there) => there === 1,
      );
      await gateway.child.kill();
    });
    // Not an answer of Rekey's, which would have a reason.
    expect(await failureOf(client.rotateSecretKey(request))).toMatchObject({
      code: 'UNAVAILABLE',
      reason: undefined,
    });
    await killed;
    client.close();
    await gatewayProxy.close();

    await eventually(
      () => versionsOf(assistantId),
      ({ length }) => length === 2,
    );
    const again = await connected(await system.startGateway());
    const rotation = await again.rotateSecretKey(request);
    again.close();
    expect(rotation).toMatchObject({ state: 'SUCCEEDED', cause: 'ROTATION' });
    await untilQueuesAreEmpty(system);
    expect(await rotationsOf(assistantId)).toBe(2);
    await expectTruth(system);
  });
});

interface CrashPoint {
  /** What upstream does to the request. */
  fault?: object;
  /**
   * The key is read after the rotation was asked for and before its request leaves: another one is known to
   * be younger then.
   */
  seen?: true;
  /** Where the worker is killed: a promise that settles when it is dead. */
  at: (c: {
    assistantId: string;
    state: (wanted: string) => Promise<unknown>;
    kill: () => Promise<void>;
  }) => Promise<void>;
  ends?: object;
  /** How often the key has been changed upstream, with the time before. */
  changes?: number;
}

const lost = { kind: 'loseResponseAfterCommit' };
const unavailable = { kind: 'failBefore', status: 500 };
const limited = { kind: 'failBefore', status: 429, retryAfter: '1' };
const gone = { kind: 'failBefore', status: 404 };
const rotated = { state: 'SUCCEEDED', cause: 'ROTATION' };
const readBack = { state: 'SUCCEEDED', cause: 'RECONCILIATION' };
const failed = { state: 'FAILED', error: expect.objectContaining({ reason: 'ASSISTANT_NOT_FOUND' }) };
const POST = 'POST /orgs';
const GET = 'GET /orgs';

describe('a worker that is killed', () => {
  it.each<[string, CrashPoint]>([
    [
      'after it drew the job, before its claim reaches the ledger',
      { at: ({ kill }) => redisProxy.once(sent.claim, 'before', kill) },
    ],
    [
      'after its claim is made, before it hears of that',
      { at: ({ kill, state }) => redisProxy.once(sent.claim, 'after', () => state('ROTATING').then(kill)) },
    ],
    [
      'after its claim, before the request reaches upstream',
      { at: ({ kill }) => upstreamProxy.once(POST, 'before', kill) },
    ],
    [
      'after the request reached upstream, where it never takes effect',
      { fault: { kind: 'hangBefore' }, at: ({ kill }) => untilRequested(kill) },
    ],
    [
      'after the request reached upstream, where it takes effect later',
      {
        fault: { kind: 'commitLate', delayMs: 400 },
        at: ({ kill }) => redisProxy.once(sent.unknown, 'before', kill),
        changes: 3,
      },
    ],
    [
      'after the request took effect, with no answer on its way',
      { fault: { kind: 'hangAfterCommit' }, at: ({ kill }) => untilRequested(kill), changes: 3 },
    ],
    [
      'after the request took effect, before it gets the answer',
      { at: ({ kill }) => upstreamProxy.once(POST, 'after', kill), changes: 3 },
    ],
    [
      'after the answer, before its commit reaches the ledger',
      { at: ({ kill }) => redisProxy.once(sent.commit, 'before', kill), changes: 3 },
    ],
    [
      'after its commit, before it hears of that',
      { at: ({ kill, state }) => redisProxy.once(sent.commit, 'after', () => state('SUCCEEDED').then(kill)) },
    ],
    [
      'after its commit, before the queue hears that the job is done',
      { at: ({ kill }) => redisProxy.once('{rekey}:bull:rotations:completed', 'before', kill) },
    ],
    [
      'before it has noted that the outcome is unknown',
      { fault: lost, at: ({ kill }) => redisProxy.once(sent.unknown, 'before', kill), changes: 3 },
    ],
    [
      'after it has noted that the outcome is unknown',
      {
        fault: lost,
        at: ({ kill, state }) =>
          redisProxy.once(sent.unknown, 'after', () => state('RECONCILING').then(kill)),
        changes: 3,
      },
    ],
    [
      'before its read reaches upstream',
      { fault: lost, at: ({ kill }) => upstreamProxy.once(GET, 'before', kill), changes: 3 },
    ],
    [
      'before it gets what it reads',
      { fault: lost, at: ({ kill }) => upstreamProxy.once(GET, 'after', kill), changes: 3 },
    ],
    [
      'before the commit of what it read reaches the ledger',
      { fault: lost, at: ({ kill }) => redisProxy.once(sent.commit, 'before', kill), changes: 3 },
    ],
    [
      'after the commit of what it read, before it hears of that',
      {
        fault: lost,
        at: ({ assistantId, kill }) =>
          redisProxy.once(sent.commit, 'after', () => twoVersions(assistantId).then(kill)),
        changes: 3,
      },
    ],
    [
      'while it waits for the window to pass, the key found and published',
      {
        fault: lost,
        at: ({ assistantId, kill }) => twoVersions(assistantId).then(untilPutOff).then(kill),
        changes: 3,
      },
    ],
    [
      'after the window, the key found and published, before the next claim',
      {
        fault: lost,
        at: ({ kill, state }) => redisProxy.once(sent.release, 'after', () => state('QUEUED').then(kill)),
        changes: 3,
      },
    ],
    [
      'after the window, before the rotation is settled',
      {
        fault: lost,
        seen: true,
        at: ({ kill }) => redisProxy.once(sent.settle, 'before', kill),
        ends: readBack,
      },
    ],
    [
      'after the rotation is settled, before it hears of that',
      {
        fault: lost,
        seen: true,
        at: ({ kill, state }) => redisProxy.once(sent.settle, 'after', () => state('SUCCEEDED').then(kill)),
        ends: readBack,
      },
    ],
    [
      'after a refusal, before it has put the rotation back',
      { fault: limited, at: ({ kill }) => redisProxy.once(sent.release, 'before', kill) },
    ],
    [
      'after it has put the rotation back, before the next claim',
      {
        fault: limited,
        at: ({ kill, state }) => redisProxy.once(sent.release, 'after', () => state('QUEUED').then(kill)),
      },
    ],
    [
      'after it found that nothing was done, before the next claim',
      {
        fault: unavailable,
        at: ({ kill, state }) => redisProxy.once(sent.release, 'after', () => state('QUEUED').then(kill)),
      },
    ],
    [
      'before a failure reaches the ledger',
      {
        fault: { ...gone, times: 2 },
        at: ({ kill }) => redisProxy.once(sent.fail, 'before', kill),
        ends: failed,
        changes: 1,
      },
    ],
    [
      'after the rotation has failed, before it hears of that',
      {
        fault: gone,
        at: ({ kill, state }) => redisProxy.once(sent.fail, 'after', () => state('FAILED').then(kill)),
        ends: failed,
        changes: 1,
      },
    ],
  ])(
    '%s leaves the rest to the next one',
    async (_when, { fault, seen, at, ends = rotated, changes = 2 }) => {
      const assistantId = await published();
      if (fault) await system.admin('POST', '/faults', { assistantId, ...fault });
      const ids: string[] = [];
      const killed = at({
        assistantId,
        kill: () => worker.child.kill(),
        state: (wanted) =>
          eventually(
            async () => ids[0] && (await system.redis.hget(`{rekey}:rotation:${ids[0]}`, 'state')),
            (state) => state === wanted,
          ),
      });
      ids.push(seen ? await rotateOnceSeen(assistantId) : (await system.rotate(assistantId)).id);
      await killed;
      worker = await startWorker();
      expect(await system.waitFor(ids[0]!)).toMatchObject(ends);
      await untilQueuesAreEmpty(system);
      expect(await rotationsOf(assistantId)).toBe(changes);
      await expectTruth(system);
    },
  );
});

/** Asks for a rotation, and has its job queued only when a check has read the key. */
const rotateOnceSeen = async (assistantId: string): Promise<string> => {
  const ledger = createLedger({ redis: system.redis, prefix: 'rekey' });
  const queue = createRotationQueue(system.redis, ledger.keys);
  const target = { orgId: 'org_demo', assistantId };
  const { rotation } = await ledger.accept(`rot_01ARZ3NDEKTSV4RRFFQ69G5${String(next).padStart(3, '0')}`, {
    ...target,
    reason: '',
  });
  const askedMs = Number(await system.redis.hget(`{rekey}:rotation:${rotation.id}`, 'created'));
  await sleep(READ_LAG_MS);
  await ledger.requestCheck(target, 0);
  await eventually(
    () => system.redis.hget(`{rekey}:assistant:${assistantId}`, 'verified'),
    (verified) => Number(verified) > askedMs,
  );
  await queue.add({ rotationId: rotation.id, ...target });
  await queue.close();
  return rotation.id;
};
const untilRequested = async (then: () => Promise<void>): Promise<void> => {
  const { rotate } = await system.admin('GET', '/counts');
  await eventually(
    () => system.admin('GET', '/counts'),
    (counts) => counts.rotate === rotate + 1,
  );
  await then();
};
const twoVersions = (assistantId: string): Promise<unknown> =>
  eventually(
    () => versionsOf(assistantId),
    ({ length }) => length === 2,
  );
const untilPutOff = (): Promise<unknown> =>
  eventually(
    () => system.redis.zcard('{rekey}:bull:rotation-follow-ups:delayed'),
    (jobs) => jobs === 1,
  );
