/** For specs only: the keys of the ledger under the prefix `spec`, by family. */
export const FAMILIES = [
  'accepted',
  'acks',
  'activity',
  'adopted',
  'answers',
  'archive',
  'archiving',
  'assistant',
  'assistants',
  'budget',
  'bulk',
  'bulk-request',
  'bulks',
  'changes',
  'checks',
  'configured',
  'consumers',
  'current',
  'damaged',
  'events',
  'held',
  'index',
  'intents',
  'known',
  'ledger',
  'orgs',
  'policies',
  'policy',
  'policy-request',
  'processes',
  'registry',
  'request',
  'request-counts',
  'rollbacks',
  'rotation',
  'rotations',
  'seq',
  'stale',
  'sweep',
  'sweeping',
  'sweeps',
  'uncertain',
  'versions',
];
/** Keys that a script may write to even if they exist neither before nor after. */
export const FIXED = [
  'accepted',
  'activity',
  'adopted:org_1',
  'answers',
  'archive',
  'archiving',
  'assistants:org_1',
  'bulks',
  'bulks:active',
  'bulks:awaiting',
  'bulks:empty',
  'bulks:ended',
  'changes:org_1',
  'checks',
  'consumers',
  'events',
  'held',
  'configured',
  'intents',
  'intents:org_1',
  'known',
  'ledger',
  'orgs',
  'policies',
  'rollbacks',
  'rotations:CANCELLED',
  'rotations:FAILED',
  'rotations:SUCCEEDED',
  'rotations:open',
  'rotations:open:org_1',
  'seq',
  'stale',
  'sweeping',
  'sweeps',
  'sweeps:QUEUED',
  'uncertain',
].map((name) => `{spec}:${name}`);
export const familyOf = (key: string): string => key.split(':')[1]!;

/**
 * What is lost with a damaged key: the parts and the lists of a bulk rotation, and which bulk rotations are
 * worked on; the number of listed assistants; of a rotation, its bulk and its index; and what a record of
 * activity, or a version of a key, says of each.
 */
export const dependsOn = (key: string, damaged: string): boolean =>
  key.startsWith(`${damaged}:`) ||
  (familyOf(damaged) === 'bulk' && familyOf(key) === 'bulks') ||
  (familyOf(damaged) === 'bulks' && familyOf(key) === 'bulk') ||
  (familyOf(key) === 'activity' && ['bulk', 'bulks', 'policy', 'rotation'].includes(familyOf(damaged))) ||
  (familyOf(key) === 'versions' && ['bulk', 'rotation'].includes(familyOf(damaged))) ||
  (familyOf(damaged) === 'assistants' && familyOf(key) === 'known') ||
  (familyOf(damaged) === 'rotation' && ['bulk', 'bulks', 'rotations'].includes(familyOf(key)));
