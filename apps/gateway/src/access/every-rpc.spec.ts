import { describe, expect, it } from '@jest/globals';
import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { RekeyError, type ActivityRecord, type ErrorCode } from '@rekey/schema';
import { readStatusDetails } from '@rekey/rpc';
import { z } from 'zod';
import { createDeniedCalls } from '../activity/denied-calls.ts';
import { createHandlers } from '../pipeline/pipeline.ts';
import type { Rpc, RpcContext, RpcTable } from '../pipeline/rpc.ts';
import { createRpcTable, type RpcDeps } from '../rpc-table.ts';
import type { Access } from './guard-calls.ts';
import { permissions, rightsOf, ROLES, type Permission, type Role } from '@rekey/access';

/*
 * Every method of the table, called by every role, about an org of its own, another, every org and `c`. What
 * is expected comes from the columns of the table and from the roles alone. The handlers are replaced: they
 * note that they ran.
 */

const OWN = 'org_own';
const OTHER = 'org_other';
/** What the alias `c` stands for here. */
const REAL = OWN;
const ABOUT = ['own', 'other', 'every', 'c'] as const;
type About = (typeof ABOUT)[number];
const WHERE = { own: [OWN], everywhere: ['*'] } as const;
type Where = keyof typeof WHERE;

const table = createRpcTable({} as RpcDeps) as unknown as Record<string, Record<string, Rpc>>;
const rows = Object.entries(table).flatMap(([service, rpcs]) =>
  Object.entries(rpcs).map(([method, rpc]) => ({ service, method, rpc })),
);

const orgsOf = (about: About): string[] => ({ own: [OWN], other: [OTHER], every: [], c: ['c'] })[about];

/** The row with its columns of rights alone, and with everything else replaced. */
const stripped = (rpc: Rpc, about: About, ran: string[]): Rpc => {
  const respond = () => ({});
  const loading = 'load' in rpc ? { load: async () => orgsOf(about) } : {};
  const handle = async (_request: unknown, { sees, requireOrg }: RpcContext) => {
    for (const org of 'checkedWithin' in rpc ? orgsOf(about) : []) await requireOrg?.(org);
    ran.push('handled', ...[OWN, OTHER, 'c'].filter(sees));
  };
  switch (rpc.kind) {
    case 'unary':
      return { ...rpc, ...loading, request: z.any(), handler: handle, respond } as Rpc;
    case 'client-stream':
      return {
        ...rpc,
        request: () => ({ read: (message: unknown) => message, end: () => {} }),
        handler: async (parts: AsyncIterable<unknown>) => {
          for await (const part of parts) ran.push(`part ${typeof part}`);
        },
        respond,
      } as Rpc;
    case 'server-stream':
      return {
        ...rpc,
        ...loading,
        request: z.any(),
        handler: async function* (_request: unknown, { sees }: RpcContext) {
          ran.push('handled', ...[OWN, OTHER, 'c'].filter(sees));
          yield {};
        },
        respond,
      } as Rpc;
  }
};

/** The message of a call about these orgs, as each kind of request names them. */
const messageOf = (rpc: Rpc, about: About): object => {
  const [orgId] = orgsOf(about);
  if (rpc.kind === 'client-stream') return { spec: orgId === undefined ? {} : { orgId } };
  return orgId === undefined ? {} : { orgId };
};

const accessOf = (role: Role, where: Where): Access => {
  const binding = { principals: ['uri:caller'], role, orgs: [...WHERE[where]] };
  const names = new Set(['uri:caller']);
  const rights = rightsOf({ bindings: [binding] }, names);
  return {
    admit: () => ({
      caller: { name: 'uri:caller', names, expiresMs: Infinity },
      rights: () => rights,
    }),
    guard: () => undefined,
    rightsOf: () => rights,
    close: () => {},
  };
};
const nobody: Access = {
  ...accessOf('admin', 'everywhere'),
  admit: async () => {
    throw new RekeyError('NOT_AUTHENTICATED');
  },
};

interface Outcome {
  ran: string[];
  reason: string | undefined;
  code: status;
  /** The records of activity that it left. */
  recorded: ActivityRecord[];
}

/** Calls the handler that grpc-js would call. */
const call = async (
  { service, method, rpc }: (typeof rows)[number],
  about: About,
  access: Access,
): Promise<Outcome> => {
  const ran: string[] = [];
  const recorded: ActivityRecord[] = [];
  const denied = createDeniedCalls({
    append: async (record) => void recorded.push(record),
    onError: () => {},
  });
  const handlers = createHandlers(
    { [service]: { [method]: stripped(rpc, about, ran) } } as unknown as Partial<RpcTable>,
    {
      readOrgName: async () => REAL,
      holdBack: () => undefined,
      confirmDurable: async () => true,
      logger: { event: () => {} },
      access,
      onFailed: denied.note,
    },
  ) as unknown as Record<string, Record<string, (...args: unknown[]) => void>>;
  const message = messageOf(rpc, about);
  const failed = await new Promise<Partial<StatusObject> | undefined>((resolve) => {
    const fake = {
      cancelled: false,
      request: message,
      metadata: new Metadata(),
      getPath: () => `/rekey.v1.${service}/${method}`,
      getDeadline: () => Infinity,
      on: () => fake,
      off: () => fake,
      write: () => true,
      end: () => resolve(undefined),
      emit: (_event: string, error: Partial<StatusObject>) => resolve(error),
      destroy: () => {},
      sendMetadata: () => {},
      async *[Symbol.asyncIterator]() {
        yield message;
        yield {};
      },
    };
    handlers[service]![method]!(fake, (error: Partial<StatusObject> | null) => resolve(error ?? undefined));
  });
  await denied.close();
  return {
    ran,
    recorded,
    code: failed?.code ?? status.OK,
    reason: failed && readStatusDetails(failed as never).reason,
  };
};

const RANKS: readonly string[] = ['everyone', 'viewer', 'rotator', 'operator', 'admin'];
/** Beside the ranks: what such a role may do, and nothing else. */
const BESIDE: Partial<Record<Role, readonly string[]>> = { auditor: ['activity.read', 'access.self'] };
const has = (role: Role, permission: Permission): boolean =>
  BESIDE[role]?.includes(permission) ?? RANKS.indexOf(role) >= RANKS.indexOf(permissions[permission].role);
const isDefined = (permission: string): permission is Permission => Object.hasOwn(permissions, permission);

/** What is to happen, from the columns: nothing refused, or the reason. */
const expected = (rpc: Rpc, role: Role, where: Where, about: About): ErrorCode | undefined => {
  const { permission } = rpc;
  if (!has(role, permission)) return 'NOT_PERMITTED';
  if (where === 'everywhere') return undefined;
  const isOwn = about === 'own' || about === 'c';
  if (rpc.orgs === 'none' || rpc.orgs === 'listed') return undefined;
  if (rpc.orgs === 'all') return 'NOT_PERMITTED';
  if (isOwn) return undefined;
  if (rpc.orgs === 'request') return 'NOT_PERMITTED';
  return isDefined(`${permission.split('.')[0]}.read`)
    ? (rpc as { notFound?: ErrorCode }).notFound
    : undefined;
};

const cases = rows.flatMap((row) =>
  ROLES.flatMap((role) =>
    (Object.keys(WHERE) as Where[]).flatMap((where) => ABOUT.map((about) => ({ row, role, where, about }))),
  ),
);

describe('every method of the table', () => {
  it.each(rows.map((row) => [`${row.service}/${row.method}`, row] as const))(
    '%s does for each role what its row says, in each org',
    async (_, row) => {
      for (const { role, where, about } of cases.filter((one) => one.row === row)) {
        const { ran, reason, recorded } = await call(row, about, accessOf(role, where));
        const wanted = expected(row.rpc, role, where, about);
        expect({ role, where, about, reason }).toEqual({ role, where, about, reason: wanted });
        expect(ran.length > 0).toBe(wanted === undefined);
        const denial = {
          type: 'access.denied',
          by: 'uri:caller',
          target: `method:${row.service}/${row.method}`,
          reason: wanted,
        };
        expect(recorded).toMatchObject(wanted === undefined ? [] : [denial]);
        expect(recorded).toHaveLength(wanted === undefined ? 0 : 1);
      }
    },
  );

  it.each(
    rows
      .filter(({ rpc }) => rpc.orgs === 'listed')
      .map((row) => [`${row.service}/${row.method}`, row] as const),
  )('%s lists what is of an org of the caller, also under the name `c`', async (_, row) => {
    const { ran } = await call(row, 'every', accessOf('admin', 'own'));
    expect(ran).toEqual(['handled', OWN, 'c']);
  });

  it.each(rows.map((row) => [`${row.service}/${row.method}`, row] as const))(
    '%s answers nobody who is not known',
    async (_, row) => {
      for (const about of ABOUT) {
        const { ran, code, recorded } = await call(row, about, nobody);
        expect({ ran, code }).toEqual({ ran: [], code: status.UNAUTHENTICATED });
        expect(recorded).toMatchObject([{ type: 'access.unauthenticated', by: 'anonymous' }]);
      }
    },
  );
});
