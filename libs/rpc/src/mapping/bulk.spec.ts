import { describe, expect, it } from '@jest/globals';
import { errorTable, errorText, type BulkRotation } from '@rekey/schema';
import { toProtoBulkItem, toProtoBulkRotation } from './bulk.ts';
import { T0_MS, t0 } from './times-fixture.ts';

describe('toProtoBulkRotation', () => {
  const noCounts = {
    total: 0,
    waiting: 0,
    rotating: 0,
    unknown: 0,
    succeeded: 0,
    shared: 0,
    failed: 0,
    cancelled: 0,
    valid: 0,
    duplicates: 0,
  };
  const running: BulkRotation = {
    id: 'blk_1',
    orgId: 'org_1',
    reason: '',
    selection: { kind: 'ids' },
    urgent: false,
    validateOnly: false,
    maxFailures: { percent: 5 },
    state: 'RUNNING',
    createdMs: T0_MS,
    updatedMs: T0_MS,
    counts: {
      ...noCounts,
      total: 100,
      waiting: 40,
      rotating: 10,
      succeeded: 50,
    },
    estimate: { requests: 102, durationMs: 12_500 },
    lastFailures: [],
  };

  it('shows no remaining time while no worker is live', () => {
    expect(toProtoBulkRotation({ ...running, noLiveWorker: true })).toMatchObject({
      noLiveWorker: true,
      remaining: null,
    });
    expect(
      toProtoBulkRotation({
        ...running,
        state: 'COMPLETED',
        noLiveWorker: true,
      }),
    ).toMatchObject({
      noLiveWorker: false,
    });
  });

  it('shows a bulk rotation of named assistants, without absent fields', () => {
    expect(toProtoBulkRotation(running)).toEqual({
      id: 'blk_1',
      orgId: 'org_1',
      state: 'RUNNING',
      reason: '',
      requestId: '',
      createTime: t0,
      startTime: null,
      updateTime: t0,
      endTime: null,
      urgent: false,
      validateOnly: false,
      explicit: true,
      search: '',
      rotatedBefore: null,
      canary: null,
      maxFailures: { percent: 5 },
      counts: running.counts,
      stop: null,
      rate: 0,
      remaining: { seconds: '6', nanos: 250_000_000 },
      estimate: {
        requestCount: 102,
        duration: { seconds: '12', nanos: 500_000_000 },
      },
      verification: null,
      lastFailures: [],
      policyId: '',
      consumers: [],
      list: null,
      noLiveWorker: false,
      requestedBy: '',
    });
  });

  it('shows every field of a bulk rotation of a whole org', () => {
    const selection = {
      kind: 'org' as const,
      search: 'shop',
      rotatedBeforeMs: T0_MS,
      policyId: 'pol_1',
    };
    const verification = {
      verified: 8,
      repaired: 1,
      unverified: 1,
      differing: ['ast_1', 'ast_2'],
    };
    expect(
      toProtoBulkRotation({
        ...running,
        selection,
        verification,
        requestId: 'r',
        requestedBy: 'uri:caller',
        canary: { count: 3, continues: true },
        maxFailures: { count: 0 },
        startedMs: T0_MS,
        endedMs: T0_MS,
        lastFailures: [{ assistantId: 'ast_9', code: 'ASSISTANT_DELETED', atMs: T0_MS }],
      }),
    ).toMatchObject({
      explicit: false,
      search: 'shop',
      rotatedBefore: t0,
      policyId: 'pol_1',
      requestId: 'r',
      requestedBy: 'uri:caller',
      canary: { count: 3, continues: true },
      maxFailures: { count: 0 },
      startTime: t0,
      endTime: t0,
      verification: {
        verified: 8,
        repaired: 1,
        unverified: 1,
        differingAssistantIds: ['ast_1', 'ast_2'],
      },
      lastFailures: [{ assistantId: 'ast_9', reason: 'ASSISTANT_DELETED', time: t0 }],
    });
  });

  it('computes the remaining time from its own rate once it has one', () => {
    expect(toProtoBulkRotation({ ...running, perSecond: 4 })).toMatchObject({
      rate: 4,
      remaining: { seconds: '12', nanos: 500_000_000 },
    });
  });

  it.each<Partial<BulkRotation>>([
    { state: 'PAUSED', perSecond: 4 },
    { state: 'COMPLETED', perSecond: 4 },
    { state: 'PREPARING', counts: noCounts },
    { counts: { ...noCounts, total: 2, succeeded: 2 }, perSecond: 4 },
  ])('shows no remaining time if it does not run or nothing is left: %j', (change) => {
    expect(toProtoBulkRotation({ ...running, ...change }).remaining).toBeNull();
  });

  it('explains a stop with the message and advice of the error table', () => {
    const { message, advice } = errorTable.CANARY_DONE;
    expect(toProtoBulkRotation({ ...running, state: 'PAUSED', why: 'CANARY_DONE' }).stop).toEqual({
      reason: 'CANARY_DONE',
      message,
      advice,
    });
  });

  it('adds to LIST_INCOMPLETE how many assistants were listed and how many Invent counts', () => {
    const halted = {
      ...running,
      state: 'HALTED' as const,
      why: 'LIST_INCOMPLETE',
    };
    expect(
      toProtoBulkRotation({
        ...halted,
        list: { complete: false, listed: 450, counted: 1e15, unreadable: 2 },
      }),
    ).toMatchObject({
      stop: {
        reason: 'LIST_INCOMPLETE',
        message: expect.stringMatching(
          / 450 assistants were listed; Invent counts 1000000000000000; records that could not be read: 2\.$/,
        ),
      },
      list: {
        incomplete: true,
        listedCount: 450,
        inventCount: '1000000000000000',
        unreadableCount: 2,
      },
    });
    const { stop, list } = toProtoBulkRotation({
      ...halted,
      list: { complete: false, listed: 450, unreadable: 0 },
    });
    expect(stop!.message).toMatch(/ 450 assistants were listed; Invent gives no count\.$/);
    expect(list).toEqual({
      incomplete: true,
      listedCount: 450,
      unreadableCount: 0,
    });
  });
});

describe('toProtoBulkItem', () => {
  it('explains a failure with the message and advice for a bulk item', () => {
    expect(
      toProtoBulkItem({
        index: 0,
        assistantId: 'ast_1',
        state: 'FAILED',
        errorCode: 'NO_SECRET_KEY',
      }),
    ).toEqual({
      assistantId: 'ast_1',
      state: 'FAILED',
      error: {
        reason: 'NO_SECRET_KEY',
        ...errorText('NO_SECRET_KEY', 'bulk item'),
      },
      version: 0,
      rotationId: '',
      publishTime: null,
    });
    expect(toProtoBulkItem({ index: 1, assistantId: 'ast_2', state: 'SHARED' })).toEqual({
      assistantId: 'ast_2',
      state: 'SHARED',
      error: null,
      version: 0,
      rotationId: '',
      publishTime: null,
    });
    const published = { version: 7, rotationId: 'rot_1', publishedMs: T0_MS };
    expect(toProtoBulkItem({ index: 1, assistantId: 'ast_2', state: 'SUCCEEDED', published })).toMatchObject({
      version: 7,
      rotationId: 'rot_1',
      publishTime: t0,
    });
  });
});
