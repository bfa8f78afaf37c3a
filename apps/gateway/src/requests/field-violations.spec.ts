import { describe, expect, it } from '@jest/globals';
import type { handleUnaryCall, MethodDefinition, StatusObject } from '@grpc/grpc-js';
import {
  loadContract,
  readStatusDetails,
  type CreateBulkRotationRequest__Output,
  type ServiceHandlers,
} from '@rekey/rpc';
import { RekeyError } from '@rekey/schema';
import { Readable } from 'node:stream';
import { CreateBulk } from '../bulks/bulk-requests.ts';
import { createHandlers } from '../pipeline/pipeline.ts';
import { createRpcTable, type RpcDeps } from '../rpc-table.ts';
import { parseRequest } from './parse-request.ts';

/** Every use of it fails: a valid request gets this far and no further. */
const nothing: unknown = new Proxy(() => {}, {
  get: (_target, name) => (name === 'then' ? undefined : nothing),
  apply: () => {
    const failed = Promise.reject(new RekeyError('REDIS_UNAVAILABLE'));
    failed.catch(() => {});
    return failed;
  },
});
const deps = new Proxy(
  {
    bulks: { draft: () => ({ drop: async () => {} }) },
    acknowledgements: { require: async () => {} },
    uploadIds: () => ({ add: () => {}, end: () => {} }),
  } as unknown as RpcDeps,
  { get: (target, name) => (target as never)[name] ?? nothing },
);

const contract = loadContract();
const services = createHandlers(createRpcTable(deps), {
  readOrgName: async () => 'c',
  holdBack: () => undefined,
  confirmDurable: async () => true,
  logger: { event: () => {} },
});
/** Every method of the contract, with the fields of its request. */
const methods = Object.entries(services).flatMap(([service, handlers]) =>
  Object.entries(handlers as Record<string, unknown>).map(([name, handler]) => {
    const definition = contract.v1[service as keyof ServiceHandlers].service[
      name as never
    ] as MethodDefinition<object, object>;
    return {
      name,
      handler,
      stream: definition.requestStream,
      watches: definition.responseStream,
      fields: contract.requestTypeOf(definition.path).fieldsArray.map((field) => field.name),
      empty: definition.requestDeserialize(Buffer.alloc(0)),
    };
  }),
);

const violationsOf = (
  method: (typeof methods)[number],
  request: object,
): Promise<{ field: string; description: string }[]> =>
  new Promise((resolve) => {
    const done = (error: unknown) => resolve(readStatusDetails(error as never).fieldViolations);
    const call = method.stream
      ? Object.assign(Readable.from([request]), {
          getPath: () => `/${method.name}`,
          getDeadline: () => Number.POSITIVE_INFINITY,
          sendMetadata: () => {},
          cancelled: false,
        })
      : {
          request,
          getPath: () => `/${method.name}`,
          getDeadline: () => Number.POSITIVE_INFINITY,
          cancelled: false,
          on: () => {},
        };
    (method.handler as handleUnaryCall<object, unknown>)(call as never, (error) => done(error));
  });

/** What a description must not contain: zod's own words, and patterns. */
const WORDS_OF_ZOD = new RegExp(
  [
    'invalid|expected|received|undefined|NaN|regex|pattern|too (big|small)|[<>^$]|unrecognized',
    String.raw`\bnull\b|\bstring\b|\bobject\b|\barray\b`,
  ].join('|'),
  'i',
);

const odd: unknown[] = [
  undefined,
  null,
  '',
  ' ',
  'x'.repeat(300),
  'a\nb',
  'a/b',
  -1,
  0,
  1.5,
  Number.NaN,
  2 ** 53,
  2 ** 31,
  'NO_SUCH_STATE',
  77,
  true,
  [],
  ['', '..'],
  {},
  [{}],
  Array.from({ length: 2000 }, () => 'org_1'),
  { seconds: 'x', nanos: 'y' },
  { seconds: -1, nanos: 0 },
  { count: -1 },
  { count: 1.5, continues: 7 },
  { percent: 101 },
  { percent: -1 },
  { cron: 7 },
  { cron: 'x', timeZone: 7, length: { seconds: '1', nanos: 0 } },
];

describe.each(methods.filter(({ watches, fields }) => !watches && fields.length > 0))('$name', (method) => {
  it.each(method.fields)('describes in plain words what is wrong with %s', async (name) => {
    const seen = [];
    for (const value of odd) seen.push(...(await violationsOf(method, { ...method.empty, [name]: value })));
    for (const { field, description } of seen) {
      expect(field).toMatch(/^[a-z_.[\]\d]+$/);
      expect(description.replaceAll('UUID', '')).not.toMatch(WORDS_OF_ZOD);
      expect(description).toMatch(/^(must|has|is not|needs|can|cannot|may) /);
    }
    // At least one of the values must have been refused.
    expect(seen.length).toBeGreaterThan(0);
  });
});

describe('many violations', () => {
  it('are bounded: clients accept no more than 8 KiB of trailers', async () => {
    const setOrgs = methods.find(({ name }) => name === 'SetConsumerOrgs')!;
    const { handler } = setOrgs;
    const request = { name: 'billing', orgs: Array.from({ length: 1000 }, () => 'x/y') };
    const error = await new Promise<StatusObject>((resolve) => {
      (handler as handleUnaryCall<object, unknown>)(
        { request, getPath: () => '/SetConsumerOrgs' } as never,
        (failed) => resolve(failed as StatusObject),
      );
    });
    const { fieldViolations, metadata } = readStatusDetails(error as never);
    expect(fieldViolations).toHaveLength(10);
    expect(metadata).toMatchObject({
      violation_count: '1000',
      call: 'SetConsumerOrgs',
      consumer: 'billing',
      retryable: 'false',
    });
    expect(error.details).toMatch(/orgs\[9\] must not contain any of .*; and 990 more\. Correct/);
    expect((error.metadata.get('grpc-status-details-bin')[0] as Buffer).length).toBeLessThan(4096);
  });
});

describe('a violation', () => {
  const message = {
    orgId: 'org_1',
    requestId: '',
    reason: '',
    allAssistants: true,
    search: '',
    urgent: false,
    validateOnly: false,
    assistantIds: [],
    excludeAssistantIds: [],
  } as unknown as CreateBulkRotationRequest__Output;
  const complaints = (more: object): string[] => {
    try {
      parseRequest(CreateBulk, { ...message, ...more });
      return [];
    } catch (error) {
      return (error as RekeyError).fieldViolations.map(({ field, description }) => `${field} ${description}`);
    }
  };

  it.each([
    [{ orgId: undefined }, 'org_id must be given'],
    [{ orgId: 'org 1' }, 'org_id must not contain white space or invisible characters'],
    [
      { requestId: '00000000-0000-0000-0000-000000000000' },
      'request_id must not be the nil or max UUID: generate one for each request',
    ],
    [{ requestId: 'x' }, 'request_id must be a UUID'],
    [{ search: 'x'.repeat(257) }, 'search must have at most 256 characters'],
    [{ canary: { count: 0, continues: false } }, 'canary.count must be positive'],
    [{ canary: { count: 1.5, continues: false } }, 'canary.count must be a whole number'],
    [{ maxFailures: { percent: 101 } }, 'max_failures.percent must be at most 100'],
    [{ maxFailures: { count: 2 ** 31 } }, 'max_failures.count must be at most 2000000'],
  ])('of %j reads: %s', (more, words) => {
    expect(complaints(more)).toEqual([words]);
  });
});
