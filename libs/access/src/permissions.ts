import { ConsumerName } from '@rekey/schema';

/** From the weakest to the strongest: each has the permissions of the ones before. */
export const RANKED_ROLES = ['viewer', 'rotator', 'operator', 'admin'] as const;
/** The roles of people and services. `auditor` stands beside the others: it has what its rows give it. */
export const ROLES = [...RANKED_ROLES, 'auditor'] as const;
type NamedRole = (typeof ROLES)[number];
/** The role of a service that follows the events of one consumer, and acknowledges as that consumer. */
type ConsumerRole = `consumer:${string}`;
export type Role = NamedRole | ConsumerRole;

const CONSUMER_ROLE = 'consumer:';
/** The consumer of a role `consumer:NAME`; undefined if it is another role, or the name is not valid. */
export const consumerOfRole = (role: string): string | undefined => {
  if (!role.startsWith(CONSUMER_ROLE)) return undefined;
  const name = ConsumerName.safeParse(role.slice(CONSUMER_ROLE.length));
  return name.success ? name.data : undefined;
};
export const isRole = (text: string): text is Role =>
  (ROLES as readonly string[]).includes(text) || consumerOfRole(text) !== undefined;
/** For messages. */
export const ROLES_IN_WORDS = `${ROLES.join(', ')} or consumer:NAME`;

interface PermissionRow {
  /** The weakest of the ranked roles that has the permission; `everyone`: each caller that is known. */
  role: (typeof RANKED_ROLES)[number] | 'everyone';
  /** The other roles that have it. */
  also?: readonly Exclude<NamedRole, (typeof RANKED_ROLES)[number]>[];
  /** `consumer:NAME` has it, for the consumer NAME alone. */
  consumers?: true;
  /** What it allows. */
  allows: string;
}

/**
 * What a caller may be allowed to do. Every RPC names one of these.
 */
export const permissions = {
  'rotations.read': { role: 'viewer', allows: 'see rotations' },
  'rotations.create': { role: 'rotator', allows: 'rotate the key of one assistant' },
  'rotations.wait': { role: 'rotator', allows: 'wait for the end of a rotation and its acknowledgements' },
  'rotations.cancel': { role: 'rotator', allows: 'cancel a queued rotation that the caller requested' },
  'rotations.cancelOthers': { role: 'operator', allows: 'cancel any queued rotation' },
  'assistants.read': { role: 'viewer', allows: 'see the published version of an assistant, sealed' },
  'bulkRotations.read': { role: 'viewer', allows: 'see and watch bulk rotations and their assistants' },
  'bulkRotations.create': { role: 'operator', allows: 'rotate the keys of many assistants, or estimate it' },
  'bulkRotations.control': { role: 'operator', allows: 'pause, resume and cancel bulk rotations' },
  'bulkRotations.retry': { role: 'operator', allows: 'retry the failed assistants of a bulk rotation' },
  'policies.read': { role: 'viewer', allows: 'see rotation policies' },
  'policies.create': { role: 'operator', allows: 'create rotation policies' },
  'policies.update': { role: 'operator', allows: 'change, pause and resume rotation policies' },
  'policies.delete': { role: 'operator', allows: 'delete rotation policies' },
  'sweeps.read': { role: 'viewer', allows: 'see sweeps' },
  'sweeps.create': {
    role: 'operator',
    allows: 'sweep an org or all orgs, and accept the changes of a held org',
  },
  'consumers.read': { role: 'viewer', allows: 'see consumers and how far each has come' },
  'consumers.create': { role: 'admin', allows: 'add consumers: they can then read keys' },
  'consumers.update': { role: 'admin', allows: 'set the orgs that a consumer may read' },
  'consumers.delete': { role: 'admin', allows: 'remove consumers' },
  'events.follow': {
    role: 'admin',
    consumers: true,
    allows: 'follow the events of a consumer, sealed, and read its records',
  },
  'events.acknowledge': {
    role: 'admin',
    consumers: true,
    allows: 'pass on the acknowledgements that a consumer has signed',
  },
  'registry.trust': { role: 'admin', allows: 'decide which entries of consumers in Redis to trust' },
  'activity.read': {
    role: 'viewer',
    also: ['auditor'],
    allows: 'see who did what, and which calls were denied',
  },
  'publicKey.read': { role: 'viewer', allows: "see Rekey's public key" },
  'status.read': { role: 'viewer', allows: 'see the status of the whole system' },
  'system.freeze': { role: 'admin', allows: 'freeze and unfreeze all rotations' },
  'budget.open': { role: 'admin', allows: 'open a request budget that Invent closed' },
  'tokens.read': { role: 'admin', allows: 'see access tokens, and not their secrets' },
  'tokens.create': { role: 'admin', allows: 'create access tokens, with no more rights than one has' },
  'tokens.revoke': { role: 'admin', allows: 'revoke access tokens' },
  'access.self': { role: 'everyone', allows: 'see who one is and what one may do' },
  'access.read': { role: 'admin', allows: 'see what another caller may do, and why' },
  'ledger.adopt': { role: 'admin', allows: 'adopt the ledger that replaced a lost one' },
} as const satisfies Record<string, PermissionRow>;

export type Permission = keyof typeof permissions;

/** The roles that have a permission, from the weakest. One for everyone needs none. */
export const rolesWith = (permission: Permission): readonly Role[] => {
  const { role, also = [] }: PermissionRow = permissions[permission];
  return role === 'everyone' ? ROLES : [...RANKED_ROLES.slice(RANKED_ROLES.indexOf(role)), ...also];
};

const allPermissions = Object.keys(permissions) as Permission[];
const sets = new Map<NamedRole, ReadonlySet<Permission>>(
  ROLES.map((role) => [role, new Set(allPermissions.filter((one) => rolesWith(one).includes(role)))]),
);
const OF_CONSUMERS: ReadonlySet<Permission> = new Set(
  allPermissions.filter((one) => (permissions[one] as PermissionRow).consumers),
);

/** What a role may do. */
export const permissionsOf = (role: Role): ReadonlySet<Permission> =>
  sets.get(role as NamedRole) ?? OF_CONSUMERS;
