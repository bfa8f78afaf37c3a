/** The roles of people and services, from the weakest to the strongest: each includes the ones before. */
export const ROLES = ['viewer', 'rotator', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

interface PermissionRow {
  /** The weakest role that has the permission; `everyone`: each caller that the gateway knows. */
  role: Role | 'everyone';
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
  'registry.trust': { role: 'admin', allows: 'decide which entries of consumers in Redis to trust' },
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
