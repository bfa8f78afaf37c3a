import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { readStatusDetails } from '@rekey/rpc';
import { ActivityRecord, type ActivityType, type RotationRequest } from '@rekey/schema';
import { rightsOf, type Role } from '@rekey/access';
import type { Rpc } from '../pipeline/rpc.ts';
import { createRpcTable, type RpcDeps } from '../rpc-table.ts';
import { useServices } from '../services-fixture.ts';
import type { Access } from './guard-calls.ts';

/*
 * Every method that changes something, called by a principal with two names: the ledger records the change
 * with both, and with the request id and the trace id of the call.
 */

const fixture = useServices();
const NAME = 'uri:spiffe://example.com/billing';
const ALSO = 'jwt:https://idp.example.com#svc billing';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

const accessOf = (role: Role, name = NAME, org = '*'): Access => {
  const names = new Set([name]);
  const rights = rightsOf({ bindings: [{ principals: [name], role, orgs: [org] }] }, names);
  return {
    admit: () => ({ caller: { name, names, also: ALSO, expiresMs: Infinity }, rights: () => rights }),
    guard: () => undefined,
    rightsOf: () => rights,
    close: () => {},
  };
};

/** Calls a method as grpc-js does; returns the response, or the reason of its error. */
const call = async (method: string, message: object): Promise<any> => {
  const [service = '', name = ''] = method.split('/');
  const handlers = fixture.services as unknown as Record<
    string,
    Record<string, (...args: unknown[]) => void>
  >;
  const metadata = new Metadata();
  metadata.set('x-request-id', 'call-1');
  metadata.set('traceparent', `00-${TRACE}-00f067aa0ba902b7-01`);
  return new Promise((resolve) => {
    const fake = {
      cancelled: false,
      request: message,
      metadata,
      getPath: () => `/rekey.v1.${method}`,
      getDeadline: () => Infinity,
      on: () => fake,
      off: () => fake,
      destroy: () => {},
      sendMetadata: () => {},
      async *[Symbol.asyncIterator]() {
        yield message;
      },
    };
    handlers[service]![name]!(fake, (error: Partial<StatusObject> | null, response: unknown) =>
      resolve(error ? { reason: readStatusDetails(error as never).reason } : response),
    );
  });
};

const records = async (): Promise<ActivityRecord[]> =>
  (await fixture.redis.xrange(fixture.ledger.keys.activity, '-', '+')).map(([, fields]) =>
    ActivityRecord.parse(
      Object.fromEntries(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1]]] : []))),
    ),
  );

const request: RotationRequest = { orgId: 'org_1', assistantId: 'ast_1', reason: 'leak' };
const bulkRequest = {
  orgId: 'org_1',
  requestId: '',
  reason: 'leak',
  allAssistants: false,
  search: '',
  urgent: false,
  validateOnly: false,
  assistantIds: ['ast_1', 'ast_2'],
  excludeAssistantIds: [],
};
const policyRequest = {
  orgId: 'org_1',
  requestId: '',
  reason: '',
  allAssistants: true,
  everyDays: 90,
  assistantIds: [],
};
const tokenRequest = {
  tokenName: 'nightly',
  role: 'viewer',
  orgs: ['org_1'],
  ttl: { seconds: '3600', nanos: 0 },
};
const policy = async (): Promise<string> =>
  (await call('RotationPolicyService/CreateRotationPolicy', policyRequest)).id;
const bulk = async (): Promise<string> =>
  (await call('BulkRotationService/CreateBulkRotation', bulkRequest)).id;
const newPublicJwk = (): string => {
  const { d: _private, ...jwk } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  return JSON.stringify(jwk);
};
const consumer = async (): Promise<{ name: string }> => {
  const publicJwk = newPublicJwk();
  await call('ConsumerService/AddConsumer', { name: 'billing', orgs: ['org_1'], publicJwk });
  return { name: 'billing' };
};

/** The types of the records of each method, and how it is called. */
const methods: Record<string, [ActivityType[], () => Promise<object>]> = {
  'RotationService/RotateSecretKey': [['rotation.requested'], async () => ({ ...request, requestId: '' })],
  'RotationService/CancelRotation': [
    ['rotation.cancelled'],
    async () => ({ id: (await call('RotationService/RotateSecretKey', { ...request, requestId: '' })).id }),
  ],
  'AccessService/CreateToken': [['token.created'], async () => tokenRequest],
  'AccessService/RevokeToken': [
    ['token.revoked'],
    async () => {
      await call('AccessService/CreateToken', tokenRequest);
      return { tokenName: tokenRequest.tokenName };
    },
  ],
  'BulkRotationService/CreateBulkRotation': [['bulk.created'], async () => bulkRequest],
  'BulkRotationService/PauseBulkRotation': [['bulk.paused'], async () => ({ id: await bulk() })],
  'BulkRotationService/ResumeBulkRotation': [
    ['bulk.resumed'],
    async () => {
      const id = await bulk();
      await call('BulkRotationService/PauseBulkRotation', { id });
      return { id };
    },
  ],
  'BulkRotationService/CancelBulkRotation': [['bulk.cancelled'], async () => ({ id: await bulk() })],
  'BulkRotationService/RetryBulkRotation': [
    ['bulk.retried'],
    async () => {
      const id = await bulk();
      await fixture.redis.hset(fixture.ledger.keys.bulk(id), { state: 'COMPLETED', failed: 1 });
      return { id };
    },
  ],
  'RotationPolicyService/CreateRotationPolicy': [['policy.created'], async () => policyRequest],
  'RotationPolicyService/PauseRotationPolicy': [['policy.paused'], async () => ({ id: await policy() })],
  'RotationPolicyService/ResumeRotationPolicy': [
    ['policy.resumed'],
    async () => {
      const id = await policy();
      await call('RotationPolicyService/PauseRotationPolicy', { id });
      return { id };
    },
  ],
  'RotationPolicyService/UpdateRotationPolicy': [
    ['policy.updated'],
    async () => ({ rotationPolicy: { id: await policy(), everyDays: 30 } }),
  ],
  'RotationPolicyService/DeleteRotationPolicy': [['policy.deleted'], async () => ({ id: await policy() })],
  'SweepService/CreateSweep': [
    ['org.accepted', 'sweep.requested'],
    async () => {
      await fixture.ledger.orgs.hold('org_1', { code: 'TOO_MANY_GONE', affected: 3, known: 5 });
      return { orgId: 'org_1', acceptRemovals: true };
    },
  ],
  'ConsumerService/AddConsumer': [
    ['consumer.added'],
    async () => ({
      name: 'billing',
      orgs: ['org_1'],
      publicJwk: newPublicJwk(),
    }),
  ],
  'ConsumerService/SetConsumerOrgs': [
    ['consumer.orgs_set'],
    async () => ({ ...(await consumer()), orgs: ['org_2'] }),
  ],
  'ConsumerService/RemoveConsumer': [['consumer.removed'], consumer],
  'ConsumerService/TrustRegistry': [
    ['registry.trusted'],
    async () => {
      await consumer();
      const { consumers } = await call('ConsumerService/ReviewRegistry', {});
      return { consumers, keepGrants: false };
    },
  ],
  'SystemService/Freeze': [['freeze.set'], async () => ({ reason: 'ill' })],
  'SystemService/Unfreeze': [
    ['freeze.lifted'],
    async () => {
      await call('SystemService/Freeze', { reason: 'ill' });
      return {};
    },
  ],
  'SystemService/OpenBudget': [
    ['budget.opened'],
    async () => {
      await fixture.redis.hset(fixture.ledger.keys.budget('default'), 'closed_until', Date.now() + 60_000);
      return { egress: '' };
    },
  ],
  'SystemService/AdoptLedger': [
    ['ledger.adopted', 'sweep.requested'],
    async () => {
      await fixture.redis.hset(fixture.ledger.keys.ledger, { id: 'new', lost: 1 });
      return { ledgerId: 'new' };
    },
  ],
};

const rows = Object.entries(
  createRpcTable({} as RpcDeps) as unknown as Record<string, Record<string, Rpc>>,
).flatMap(([service, rpcs]) =>
  Object.entries(rpcs).map(([method, rpc]) => ({ method: `${service}/${method}`, rpc })),
);

describe('a call that changes something', () => {
  it('is in this list, whichever method it has', () => {
    const changing = rows
      .filter(({ rpc }) => rpc.effect !== 'read')
      .map(({ method }) => method)
      // What a consumer reports, several times a second: `rekey consumer status` shows it.
      .filter((method) => method !== 'EventService/Acknowledge');
    expect(Object.keys(methods).toSorted()).toEqual(changing.toSorted());
  });

  it.each(Object.keys(methods))('%s is recorded as of its caller', async (method) => {
    fixture.access = accessOf('admin');
    const [types, prepare] = methods[method]!;
    const message = await prepare();
    const before = (await records()).length;
    expect(await call(method, message)).not.toHaveProperty('reason', expect.stringMatching(/^[A-Z_]+$/));
    const made = (await records()).slice(before).filter(({ by }) => !by.startsWith('system:'));
    expect(made.map(({ type }) => type)).toEqual(types);
    for (const record of made)
      expect(record).toMatchObject({
        by: NAME,
        also: ALSO.replaceAll(' ', '%20'),
        request: 'call-1',
        trace: TRACE,
      });
  });
});

describe('CancelRotation', () => {
  const rotate = async (access: Access): Promise<string> => {
    fixture.access = access;
    return (await call('RotationService/RotateSecretKey', { ...request, requestId: '' })).id;
  };
  const cancel = (id: string) => call('RotationService/CancelRotation', { id });

  it('lets a rotator cancel what it requested itself', async () => {
    const id = await rotate(accessOf('rotator'));
    expect(await cancel(id)).toMatchObject({ state: 'CANCELLED', requestedBy: NAME });
  });

  it('lets only an operator cancel what others requested', async () => {
    const id = await rotate(accessOf('rotator', 'dns:other.example.com'));
    fixture.access = accessOf('rotator');
    expect(await cancel(id)).toEqual({ reason: 'NOT_PERMITTED' });
    fixture.access = accessOf('operator');
    expect(await cancel(id)).toMatchObject({ state: 'CANCELLED' });
  });

  it('lets an operator of its org cancel what was requested before the name of that was known', async () => {
    const id = await rotate(accessOf('rotator'));
    await fixture.redis.hset(fixture.ledger.keys.rotation(id), 'org', 'c');
    await fixture.alias.note('org_1', 'configured');
    fixture.access = accessOf('operator', 'dns:other.example.com', 'org_2');
    expect(await cancel(id)).toEqual({ reason: 'ROTATION_NOT_FOUND' });
    fixture.access = accessOf('operator', 'dns:other.example.com', 'org_1');
    expect(await cancel(id)).toMatchObject({ state: 'CANCELLED', orgId: 'org_1' });
  });

  it('takes a rotation without a requester as that of others', async () => {
    const id = await rotate(accessOf('rotator'));
    await fixture.redis.hdel(fixture.ledger.keys.rotation(id), 'requested_by');
    expect(await cancel(id)).toEqual({ reason: 'NOT_PERMITTED' });
  });
});
