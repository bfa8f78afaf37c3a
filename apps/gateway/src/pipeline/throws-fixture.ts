import { credentials, status, type ServiceError } from '@grpc/grpc-js';
import type { permissions, Rights } from '@rekey/access';
import { loadContract, readStatusDetails, type ServiceHandlers } from '@rekey/rpc';
import { z } from 'zod';
import type { Access } from '../access/guard-calls.ts';
import { limitsWith } from '../limits/limits-fixture.ts';
import { connectRawHttp2, REFLECT, ROTATE } from '../limits/raw-http2-fixture.ts';
import { createHandlers } from './pipeline.ts';
import { defineClientStreamRpc, defineRpc, defineServerStreamRpc, type RpcTable } from './rpc.ts';
import { createServer } from './server.ts';

/*
 * A real server with one method of each kind, in which any step can be made to throw. One call of each kind
 * may be open, of all callers and of this one: a call that kept its slot would end all that follow.
 */

export const KINDS = ['unary', 'client stream', 'server stream', 'both ways'] as const;
export type Kind = (typeof KINDS)[number];

/** What a step does in place of its work. */
export interface Fault {
  step: string;
  how: 'throws' | 'rejects';
  thrown: unknown;
  /** A second step that throws. */
  also?: string;
}

interface Answer {
  code: status | undefined;
  reason: string | undefined;
}

const contract = loadContract();

/** Runs a step, or the fault of it. */
const createSteps = () => {
  const state = { fault: undefined as Fault | undefined, ran: [] as string[] };
  const note = (step: string): void => {
    state.ran.push(step);
    if (state.fault?.step === step) throw state.fault.thrown;
    if (state.fault?.also === step) throw new Error(`${step} fails, too`);
  };
  /** Of a step whose caller waits for it. */
  const later = async <T>(value: T): Promise<T> => value;
  const step = <T>(name: string, value: T): T => {
    note(name);
    return value;
  };
  const asyncStep = <T>(name: string, value: T): Promise<T> => {
    if (state.fault?.how !== 'rejects') return later(step(name, value));
    return (async () => step(name, value))();
  };
  return { state, step, asyncStep };
};
type Steps = ReturnType<typeof createSteps>;

const accessOf = ({ step, asyncStep }: Steps, open: { guards: number }): Access => {
  const rights: Rights = {
    allows: () => step('allows', true),
    allowsSomewhere: () => step('allows somewhere', true),
    allowsAs: () => false,
    allowsEverywhere: (permission) => permission === 'status.read',
    grants: [],
  };
  const admission = {
    caller: { name: 'uri:a', names: new Set(['uri:a']), expiresMs: Infinity },
    rights: () => step('rights', rights),
  };
  return {
    admit: () => asyncStep('admit', admission),
    guard: () => {
      step('guard', undefined);
      open.guards += 1;
      return {
        signal: new AbortController().signal,
        end: () => {
          open.guards -= 1;
          step('guard ends', undefined);
        },
      };
    },
    rightsOf: () => rights,
    close: () => {},
  };
};

const tableOf = ({ step, asyncStep }: Steps): Partial<RpcTable> => {
  const columns = {
    permission: 'rotations.create' satisfies keyof typeof permissions,
    orgs: 'request',
    effect: 'accept',
    load: () => asyncStep('load', ['org_1']),
    notFound: 'ROTATION_NOT_FOUND',
    respond: () => asyncStep('respond', {}),
  } as const;
  const request = z.looseObject({}).transform((parsed) => step('parse', { ...parsed, orgId: 'c' }));
  return {
    RotationService: {
      RotateSecretKey: defineRpc({
        ...columns,
        request,
        waits: () => asyncStep('answer at once', undefined),
        handler: () => asyncStep('handle', {}),
      }),
    },
    BulkRotationService: {
      CreateBulkRotation: defineClientStreamRpc({
        ...columns,
        request: () =>
          step('begin', {
            read: (message: object) => step('parse', { ...message, orgId: 'c' }),
            end: () => step('end', undefined),
          }),
        handler: async (parts: AsyncIterable<object>) => {
          for await (const part of parts) step('part', part);
          return asyncStep('handle', {});
        },
      }),
      WatchBulkRotation: defineServerStreamRpc({
        ...columns,
        request,
        handler: () => {
          step('handle', undefined);
          return (async function* () {
            yield {};
            await asyncStep('next', {});
            yield {};
          })();
        },
      }),
    },
  } as unknown as Partial<RpcTable>;
};

/** Fills the methods that are not called. */
const complete = (handlers: Partial<ServiceHandlers>): ServiceHandlers =>
  Object.fromEntries(
    Object.entries(handlers).map(([service, methods]) => {
      const names = Object.keys(contract.v1[service as keyof ServiceHandlers].service);
      return [service, { ...Object.fromEntries(names.map((name) => [name, () => {}])), ...methods }];
    }),
  ) as unknown as ServiceHandlers;

const limitsOf = ({ step }: Steps) => {
  const limits = limitsWith({
    GATEWAY_MAX_CALLS: '1',
    GATEWAY_MAX_WATCHES: '1',
    GATEWAY_MAX_UPLOADS: '1',
  });
  const { reflection } = limits.calls.kinds;
  return {
    ...limits,
    calls: {
      ...limits.calls,
      kinds: { ...limits.calls.kinds, reflection: { ...reflection!, open: 1 } },
      kindOf: (method: Parameters<typeof limits.calls.kindOf>[0]) =>
        step('kind of call', limits.calls.kindOf(method)),
    },
    turns: { ...limits.turns, takesTurns: () => step('takes turns', true) },
  };
};

const serverOf = (steps: Steps, open: { calls: number; guards: number; held: number }) => {
  const { step, asyncStep } = steps;
  const handlers = createHandlers(tableOf(steps), {
    readOrgName: () => asyncStep('translate', 'org_1'),
    holdBack: () => step('hold back', undefined),
    confirmDurable: () => asyncStep('confirm', true),
    logger: { event: () => step('log', undefined) },
    onRefused: () => step('refused', undefined),
    onFailed: () => step('failed', undefined),
    access: accessOf(steps, open),
    quotas: {
      countCall: () => step('count', undefined),
      // Others have taken the share meanwhile, and have given it back.
      mayHold: () => step('may hold', false),
      hold: () => {
        step('hold', undefined);
        open.held += 1;
        return () => {
          open.held -= 1;
          step('release', undefined);
        };
      },
    },
  });
  return createServer(contract, complete(handlers), {
    limits: limitsOf(steps),
    onLimit: () => step('limit', undefined),
    onThrown: () => step('report', undefined),
    mayReflect: async () => {
      await asyncStep('may reflect', undefined);
      return () => {};
    },
    observer: {
      onCall: () => {
        step('observe', undefined);
        open.calls += 1;
        return () => {
          open.calls -= 1;
          step('observe the end', undefined);
        };
      },
    },
  });
};

const answerOf = (error: ServiceError | null | undefined): Answer => ({
  code: error?.code ?? status.OK,
  reason: error ? readStatusDetails(error).reason : undefined,
});

export const startThrowing = async () => {
  const steps = createSteps();
  const open = { calls: 0, guards: 0, held: 0 };
  const server = serverOf(steps, open);
  const port = await server.listen('127.0.0.1:0');
  const address = `127.0.0.1:${port}`;
  const rotations = new contract.v1.RotationService(address, credentials.createInsecure());
  const bulks = new contract.v1.BulkRotationService(address, credentials.createInsecure());
  const raw = await connectRawHttp2(port);
  const within = () => ({ deadline: Date.now() + 5000 });

  const calls: Record<Kind, () => Promise<Answer>> = {
    unary: () =>
      new Promise((resolve) => {
        rotations.RotateSecretKey({ orgId: 'c' }, within(), (error) => resolve(answerOf(error)));
      }),
    'client stream': () =>
      new Promise((resolve) => {
        const call = bulks.CreateBulkRotation(within(), (error) => resolve(answerOf(error)));
        call.on('error', () => {});
        call.write({} as object);
        call.end();
      }),
    'server stream': () =>
      new Promise((resolve) => {
        const call = bulks.WatchBulkRotation({ id: 'blk_1' }, within());
        call.on('data', () => {});
        call.on('error', (error: ServiceError) => resolve(answerOf(error)));
        call.on('end', () => resolve(answerOf(undefined)));
      }),
    'both ways': async () => {
      const { status: code, reason } = await raw.send(REFLECT, Buffer.from([0, 0, 0, 0, 2, 0x3a, 0])).ended;
      return { code, reason };
    },
  };
  return {
    open,
    /** Calls with a fault, and returns how the caller was answered, and the steps that ran. */
    call: async (kind: Kind, fault?: Fault): Promise<Answer & { ran: string[] }> => {
      steps.state.fault = fault;
      steps.state.ran = [];
      const answer = await calls[kind]();
      const { ran } = steps.state;
      steps.state.fault = undefined;
      return { ...answer, ran };
    },
    /** A call that a limit refuses at once. */
    callOverLimit: async (fault: Fault): Promise<Answer> => {
      steps.state.fault = fault;
      const call = raw.open(ROTATE, undefined, { filler: 'x'.repeat(10_000) });
      const { status: code, reason } = await call.ended;
      steps.state.fault = undefined;
      return { code, reason };
    },
    stop: async () => {
      rotations.close();
      bulks.close();
      raw.close();
      await server.close(1000);
    },
  };
};
