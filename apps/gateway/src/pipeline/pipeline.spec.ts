import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { RekeyError } from '@rekey/schema';
import { OPEN_ACCESS } from '../access/guard-calls.ts';
import { ALL_RIGHTS } from '@rekey/access';
import { LOCAL } from '../identity/authenticate.ts';
import { usePipeline } from './pipeline-fixture.ts';
import type { RpcContext } from './rpc.ts';

const fixture = usePipeline();

/** Waits for the end of every call that has begun: it may be metered after the caller has its status. */
const meteredCodes = async (count = 1): Promise<status[]> => {
  while (fixture.metered.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  return fixture.metered.map(({ code }) => code);
};

describe('the order of steps', () => {
  it('of a unary call that accepts work', async () => {
    fixture.handler = async (request) => {
      fixture.steps.push(`with ${request.orgId}`);
      return {};
    };
    const { code, responses } = await fixture.unary();
    expect([code, responses[0].orgId]).toEqual([status.OK, 'org_1']);
    expect(fixture.steps).toEqual([
      'parse',
      'translate',
      'hold back',
      'with org_1',
      'handle',
      'confirm',
      'respond',
      'translate',
    ]);
  });

  it.each([
    ['read', ['parse', 'translate', 'handle', 'respond', 'translate']],
    ['change', ['parse', 'translate', 'handle', 'respond', 'translate']],
    ['durable-change', ['parse', 'translate', 'handle', 'confirm', 'respond', 'translate']],
  ] as const)('of a unary call with the effect %s', async (effect, steps) => {
    fixture.effect = effect;
    await fixture.unary();
    expect(fixture.steps).toEqual(steps);
  });

  it('of a client stream: each message is admitted before the next is read', async () => {
    const message = ['parse', 'translate', 'hold back'];
    await fixture.clientStream([{ orgId: 'c' }, { orgId: 'org_2' }]);
    expect(fixture.steps).toEqual([
      'handle',
      ...message,
      'part of org_1',
      'parse',
      'hold back',
      'part of org_2',
      'end',
      'confirm',
      'respond',
      'translate',
    ]);
  });

  it('of a server stream: each response is translated', async () => {
    const response = ['respond', 'translate'];
    const { responses } = await fixture.serverStream();
    expect(responses.map(({ orgId }) => orgId)).toEqual(['org_1', 'org_1']);
    expect(fixture.steps).toEqual(['parse', 'handle', ...response, ...response]);
  });
});

describe('while no new work is accepted', () => {
  it('the handler of a unary call is not run', async () => {
    fixture.held = 'REDIS_MEMORY_LOW';
    expect(await fixture.unary()).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect(fixture.steps).toEqual(['parse', 'translate', 'hold back']);
  });

  it('the handler of a client stream receives no message', async () => {
    fixture.held = 'REDIS_MEMORY_LOW';
    expect(await fixture.clientStream([{ orgId: 'org_1' }])).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
    expect(fixture.steps).toEqual(['handle', 'parse', 'hold back']);
  });

  it('calls that read or only change something are run', async () => {
    fixture.held = 'REDIS_MEMORY_LOW';
    fixture.effect = 'durable-change';
    expect(await fixture.unary()).toMatchObject({ code: status.OK });
  });
});

describe('a change that too few replicas have confirmed', () => {
  it('is not answered', async () => {
    fixture.durable = false;
    expect(await fixture.unary()).toEqual({ code: status.UNAVAILABLE, responses: [] });
    expect(await fixture.clientStream([{ orgId: 'org_1' }])).toEqual({
      code: status.UNAVAILABLE,
      responses: [],
    });
    expect(fixture.steps).not.toContain('respond');
  });
});

describe('an unexpected error of a handler', () => {
  const failing = () => Promise.reject(new Error('hunter2'));
  const calls = {
    unary: () => {
      fixture.handler = failing;
      return fixture.unary();
    },
    'client stream': () => {
      fixture.streamHandler = failing;
      return fixture.clientStream([]);
    },
    'server stream': () => {
      // oxlint-disable-next-line require-yield
      fixture.watchHandler = async function* () {
        throw new Error('hunter2');
      };
      return fixture.serverStream();
    },
  };

  it.each(['unary', 'client stream', 'server stream'] as const)(
    'is INTERNAL for the caller, and logged once: %s',
    async (kind) => {
      expect((await calls[kind]()).code).toBe(status.INTERNAL);
      expect(fixture.logged).toEqual([
        {
          name: 'rpc_failed',
          fields: {
            err: expect.objectContaining({ message: 'hunter2' }),
            method: expect.stringMatching(/^\/rekey\.v1\./),
            request_id: expect.any(String),
          },
        },
      ]);
    },
  );

  it('is logged with the request id and trace of the caller', async () => {
    fixture.handler = failing;
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await fixture.unary({ metadata: { 'x-request-id': 'job-7/retry=1', traceparent } });
    expect(fixture.logged[0]!.fields).toMatchObject({ request_id: 'job-7/retry=1', traceparent });
  });

  it('is the only kind that is logged, with entries of the ledger that cannot be read', async () => {
    fixture.handler = async () => Promise.reject(new RekeyError('FROZEN'));
    expect((await fixture.unary()).code).toBe(status.FAILED_PRECONDITION);
    expect(fixture.logged).toEqual([]);
    fixture.handler = async () => Promise.reject(new RekeyError('LEDGER_CORRUPT'));
    expect((await fixture.unary()).code).toBe(status.INTERNAL);
    expect(fixture.logged).toHaveLength(1);
  });
});

describe('the context of a handler', () => {
  const contextFor = async (metadata: Record<string, string> = {}): Promise<RpcContext> => {
    const contexts: RpcContext[] = [];
    fixture.handler = async (_request, context) => {
      contexts.push(context);
      return {};
    };
    await fixture.unary({ metadata });
    return contexts[0]!;
  };

  it('has the deadline of the caller, a principal and an open signal', async () => {
    const aborted: boolean[] = [];
    fixture.handler = async (_request, { deadlineMs, caller, signal }) => {
      expect(deadlineMs! - Date.now()).toBeGreaterThan(5000);
      expect(caller.name).toBe('local');
      aborted.push(signal.aborted);
      return {};
    };
    expect((await fixture.unary()).code).toBe(status.OK);
    expect(aborted).toEqual([false]);
  });

  it.each([undefined, '', 'a b', 'x'.repeat(129)])('has a new request id in place of %j', async (id) => {
    const { requestId } = await contextFor(id === undefined ? {} : { 'x-request-id': id });
    expect(requestId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it.each([
    '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
    'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    '00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e4736',
  ])('has no traceparent in place of %s', async (traceparent) => {
    expect((await contextFor({ traceparent })).traceparent).toBeUndefined();
  });

  it('aborts when the deadline has passed', async () => {
    const aborted = new Promise<void>((resolve) => {
      fixture.handler = async (_request, { signal }) => {
        await once(signal, 'abort');
        resolve();
        return {};
      };
    });
    expect((await fixture.unary({ deadlineMs: 100 })).code).toBe(status.DEADLINE_EXCEEDED);
    await aborted;
  });
});

describe('the metered code equals the code on the wire', () => {
  it.each<[string, () => Promise<unknown>, status]>([
    ['of a call that succeeds', async () => ({}), status.OK],
    ['of a RekeyError', () => Promise.reject(new RekeyError('ROTATION_NOT_FOUND')), status.NOT_FOUND],
    ['of an unexpected error', () => Promise.reject(new Error('hunter2')), status.INTERNAL],
  ])('%s', async (_what, handler, code) => {
    fixture.handler = handler;
    expect((await fixture.unary()).code).toBe(code);
    expect(await meteredCodes()).toEqual([code]);
  });

  it('of a call whose deadline passes', async () => {
    fixture.handler = (_request, { signal }) => once(signal, 'abort');
    // Only the gateway keeps this deadline. Otherwise the caller might end the call first.
    const sent = { metadata: { 'grpc-timeout': '100m' }, deadlineMs: Infinity };
    expect((await fixture.unary(sent)).code).toBe(status.DEADLINE_EXCEEDED);
    expect(await meteredCodes()).toEqual([status.DEADLINE_EXCEEDED]);
  });

  it('of a message that is too large', async () => {
    expect((await fixture.unary({ reason: 'x'.repeat(100_000) })).code).toBe(status.RESOURCE_EXHAUSTED);
    expect(await meteredCodes()).toEqual([status.RESOURCE_EXHAUSTED]);
    expect(fixture.steps).toEqual([]);
  });

  it('of a client stream that succeeds, and of one that fails', async () => {
    await fixture.clientStream([{ orgId: 'org_1' }]);
    fixture.streamHandler = async () => Promise.reject(new RekeyError('REQUEST_ID_REUSED'));
    await fixture.clientStream([]);
    expect(await meteredCodes(2)).toEqual([status.OK, status.ALREADY_EXISTS]);
  });

  it('of a client stream that its caller cancels, which is not logged', async () => {
    const cancel = new AbortController();
    const received = new Promise<void>((resolve) => {
      fixture.streamHandler = async (parts) => {
        for await (const part of parts) if (part) resolve();
      };
    });
    const call = fixture.clientStream([{ orgId: 'org_1' }], cancel.signal);
    await received;
    cancel.abort();
    expect((await call).code).toBe(status.CANCELLED);
    expect(await meteredCodes()).toEqual([status.CANCELLED]);
    expect(fixture.logged).toEqual([]);
  });

  it('of a server stream that ends, and of one that fails after a response', async () => {
    await fixture.serverStream();
    fixture.watchHandler = async function* () {
      yield {};
      throw new RekeyError('SHUTTING_DOWN');
    };
    expect(await fixture.serverStream()).toMatchObject({ code: status.UNAVAILABLE, responses: [{}] });
    expect(await meteredCodes(2)).toEqual([status.OK, status.UNAVAILABLE]);
  });

  it('of a server stream that its caller cancels, which is not logged', async () => {
    fixture.watchHandler = async function* (_request, { signal }) {
      yield {};
      await once(signal, 'abort');
      throw new Error('after the caller has gone');
    };
    expect((await fixture.serverStream(1)).code).toBe(status.CANCELLED);
    expect(await meteredCodes()).toEqual([status.CANCELLED]);
    expect(fixture.logged).toEqual([]);
  });
});

describe('a caller without the right', () => {
  const refusing = (rights: object) => ({
    ...OPEN_ACCESS,
    admit: () => ({ caller: LOCAL, rights: () => ({ ...ALL_RIGHTS, ...rights }) }),
  });
  const nowhere = {
    allowsSomewhere: () => false,
    allowsEverywhere: () => false,
    allows: () => false,
    allowsAs: () => false,
  };

  it('in any org is refused before its request is read', async () => {
    fixture.access = refusing(nowhere);
    expect((await fixture.unary()).code).toBe(status.PERMISSION_DENIED);
    expect((await fixture.clientStream([{ orgId: 'org_1' }])).code).toBe(status.PERMISSION_DENIED);
    expect((await fixture.serverStream()).code).toBe(status.PERMISSION_DENIED);
    expect(fixture.steps).toEqual([]);
  });
});

describe('a client stream whose caller loses the right', () => {
  let lost: AbortController;
  let ended: number;
  const losing = () => {
    lost = new AbortController();
    ended = 0;
    fixture.access = { ...OPEN_ACCESS, guard: () => ({ signal: lost.signal, end: () => void (ended += 1) }) };
  };
  const lose = () => lost.abort(new RekeyError('NOT_PERMITTED'));

  it('ends, although it sends nothing more', async () => {
    losing();
    const handled: string[] = [];
    fixture.streamHandler = async (parts) => {
      for await (const part of parts) if (part) lose();
      handled.push('to the end');
      return {};
    };
    const call = fixture.clientStream([{ orgId: 'org_1' }], new AbortController().signal);
    expect((await call).code).toBe(status.PERMISSION_DENIED);
    expect([handled, ended]).toEqual([[], 1]);
    expect(fixture.logged).toEqual([]);
  });

  it('has no effect, although all its messages have been sent', async () => {
    losing();
    const handled: string[] = [];
    fixture.streamHandler = async (parts) => {
      for await (const part of parts) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        if (part) lose();
      }
      handled.push('to the end');
      return {};
    };
    expect((await fixture.clientStream([{ orgId: 'org_1' }])).code).toBe(status.PERMISSION_DENIED);
    expect([handled, ended]).toEqual([[], 1]);
  });
});
