import { RekeyError } from '@rekey/schema';
import { permissions, type Permission } from '../access/permissions.ts';
import type { Rights } from '../access/rights.ts';
import type { Rpc } from './rpc.ts';

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

/** The orgs that a request names: `org_id`, `orgs`, or those of the spec of a stream. None for every org. */
const orgsOf = (request: unknown): string[] => {
  if (!isFields(request)) return [];
  const { orgId, orgs, spec } = request;
  if (Array.isArray(orgs)) return orgs.filter((org) => typeof org === 'string');
  if (typeof orgId === 'string') return [orgId];
  return isFields(spec) ? orgsOf(spec) : [];
};

/** The permission to see what another permission is about. */
const toSee = (permission: Permission): Permission | undefined => {
  const reading = `${permission.split('.')[0]}.read`;
  return Object.hasOwn(permissions, reading) ? (reading as Permission) : undefined;
};

const allowsEach = (rights: Rights, permission: Permission, orgs: readonly string[]): boolean =>
  orgs.length > 0 && orgs.every((org) => rights.allows(permission, org));

const notPermitted = (permission: Permission): RekeyError =>
  new RekeyError('NOT_PERMITTED', { which: permission, metadata: { permission } });

/** Throws NOT_PERMITTED for a caller that has the permission nowhere: its request need not be read. */
export const requireSomewhere = ({ permission }: Rpc, rights: Rights): void => {
  if (!rights.allowsSomewhere(permission)) throw notPermitted(permission);
};

/**
 * Throws unless the caller may do this: NOT_PERMITTED, or the error of something that does not exist if it
 * may not know that it exists. What a list leaves out, its handler asks `sees`.
 */
export const authorize = async (rpc: Rpc, request: unknown, rights: Rights): Promise<void> => {
  const { permission } = rpc;
  if (rights.allowsEverywhere(permission)) return;
  if (!rights.allowsSomewhere(permission) || rpc.orgs === 'all') throw notPermitted(permission);
  if (rpc.orgs === 'request' && !allowsEach(rights, permission, orgsOf(request)))
    throw notPermitted(permission);
  if (!('load' in rpc) || rpc.load === undefined || rpc.notFound === undefined) return;
  const orgs = await rpc.load(request);
  if (allowsEach(rights, permission, orgs)) return;
  const seeing = toSee(permission);
  throw seeing !== undefined && allowsEach(rights, seeing, orgs)
    ? notPermitted(permission)
    : new RekeyError(rpc.notFound);
};

/** Throws if a write led to something of another org, such as a rotation that another caller asked for. */
export const authorizeResult = ({ permission, orgs }: Rpc, result: unknown, rights: Rights): void => {
  if (orgs !== 'request' || rights.allowsEverywhere(permission) || !isFields(result)) return;
  const { orgId } = result;
  if (typeof orgId === 'string' && !rights.allows(permission, orgId)) throw notPermitted(permission);
};
