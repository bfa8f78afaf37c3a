import { ORG_ALIAS, RekeyError, type ErrorCode } from '@rekey/schema';
import { permissions, type Permission, type Rights } from '@rekey/access';
import { withRealNames, type ReadOrgName } from './org-names.ts';
import type { Caller } from '../identity/authenticate.ts';
import type { Rpc, RpcContext } from './rpc.ts';

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

/** A call is refused because its caller lacks a right, whatever its caller reads. */
export class AccessDenied extends RekeyError {
  /** The orgs that the call touches, as far as they are known. */
  readonly orgs: readonly string[];

  constructor(
    code: ErrorCode,
    orgs: readonly string[],
    options?: ConstructorParameters<typeof RekeyError>[1],
  ) {
    super(code, options);
    this.orgs = orgs;
  }
}

export const notPermitted = (permission: Permission, orgs: readonly string[] = []): AccessDenied =>
  new AccessDenied('NOT_PERMITTED', orgs, { which: permission, metadata: { permission } });

/** Throws NOT_PERMITTED for a caller that has the permission nowhere: its request need not be read. */
export const requireSomewhere = ({ permission }: Rpc, rights: Rights): void => {
  if (!rights.allowsSomewhere(permission)) throw notPermitted(permission);
};

/**
 * Throws unless the caller may do this: NOT_PERMITTED, or the error of something that does not exist if it
 * may not know that it exists. What a list leaves out, its handler asks `sees`.
 */
export const authorize = async (
  rpc: Rpc,
  request: unknown,
  rights: Rights,
  readOrgName: ReadOrgName,
): Promise<void> => {
  const { permission } = rpc;
  if (rights.allowsEverywhere(permission)) return;
  if ('consumerOf' in rpc && rpc.consumerOf && rights.allowsAs(permission, rpc.consumerOf(request))) return;
  const named = orgsOf(request);
  if (!rights.allowsSomewhere(permission) || rpc.orgs === 'all') throw notPermitted(permission, named);
  if (rpc.orgs === 'request' && !allowsEach(rights, permission, named)) throw notPermitted(permission, named);
  if (!('load' in rpc) || rpc.load === undefined || rpc.notFound === undefined) return;
  await requireSubject(permission, rpc.notFound, await rpc.load(request), rights, readOrgName);
};

/** Throws unless the caller has the permission in each org of what the request is about. */
const requireSubject = async (
  permission: Permission,
  notFound: ErrorCode,
  subject: readonly string[],
  rights: Rights,
  readOrgName: ReadOrgName,
): Promise<void> => {
  const orgs = await withRealNames(subject, readOrgName);
  if (allowsEach(rights, permission, orgs)) return;
  const seeing = toSee(permission);
  throw seeing !== undefined && allowsEach(rights, seeing, orgs)
    ? notPermitted(permission, orgs)
    : new AccessDenied(notFound, orgs);
};

/** What a handler calls that reads the org itself; undefined if there is nothing to check. */
export const requireOrg = (
  rpc: Rpc,
  rights: () => Rights,
  readOrgName: ReadOrgName,
): RpcContext['requireOrg'] => {
  if (!('checkedWithin' in rpc) || rights().allowsEverywhere(rpc.permission)) return undefined;
  return (orgId) => requireSubject(rpc.permission, rpc.notFound, [orgId], rights(), readOrgName);
};

/** Throws if a write led to something of another org, such as a rotation that another caller asked for. */
export const authorizeResult = async (
  { permission, orgs }: Rpc,
  result: unknown,
  rights: Rights,
  readOrgName: ReadOrgName,
): Promise<void> => {
  if (orgs !== 'request' || rights.allowsEverywhere(permission) || !isFields(result)) return;
  const { orgId } = result;
  if (typeof orgId !== 'string') return;
  const named = await withRealNames([orgId], readOrgName);
  if (!allowsEach(rights, permission, named)) throw notPermitted(permission, named);
};

/** A caller may have requested something under any name by which bindings know it. */
export const requireOwn =
  (
    { ofOthers }: Rpc,
    { names }: Caller,
    rights: () => Rights,
    readOrgName: ReadOrgName,
  ): RpcContext['requireOwn'] =>
  async ({ orgId, requestedBy }) => {
    const isOwn = requestedBy !== undefined && names.has(requestedBy);
    if (isOwn || ofOthers === undefined) return;
    const orgs = await withRealNames([orgId], readOrgName);
    if (!allowsEach(rights(), ofOthers, orgs)) throw notPermitted(ofOthers, orgs);
  };

type Sees = (orgId: string) => boolean;

/** Whether a caller has the permission of a method in an org; of a list, also under the name `c`. */
export const seeingOf = (
  { permission, orgs }: Rpc,
  rights: () => Rights,
  readOrgName: ReadOrgName,
): Sees | Promise<Sees> => {
  if (orgs !== 'listed') return (orgId) => rights().allows(permission, orgId);
  return (async () => {
    const isForAll = rights().allowsEverywhere(permission);
    const [real] = isForAll ? [ORG_ALIAS] : await withRealNames([ORG_ALIAS], readOrgName);
    return (orgId: string) => rights().allows(permission, orgId === ORG_ALIAS ? real! : orgId);
  })();
};
