import type { SeenRecord } from './seen-record.ts';

/** What a bulk rotation becomes without a record: it begins, and verifies what it has done. */
const becomes: Record<string, readonly string[]> = {
  PREPARING: ['RUNNING', 'VERIFYING'],
  RUNNING: ['VERIFYING'],
};
const canBe = (recorded: string, seen: string): boolean =>
  recorded === seen || (becomes[recorded]?.includes(seen) ?? false);

/**
 * Whether each record of a bulk rotation begins with the state that the one before ended with, and the last
 * one with the state that it is in: a change without its record, or with two, breaks the chain.
 */
export const brokenStates = (
  records: readonly SeenRecord[],
  states: ReadonlyMap<string, string>,
): string[] => {
  const broken: string[] = [];
  const last = new Map<string, string>();
  for (const { type, target = '', before, after } of records) {
    if (!type.startsWith('bulk.') || !target.startsWith('bulkRotation:')) continue;
    const known = last.get(target);
    const isFirst = type === 'bulk.created';
    if (isFirst ? known !== undefined : known === undefined || !canBe(known, before ?? ''))
      broken.push(`${target}: ${type} from ${before} after ${known}`);
    last.set(target, after ?? '');
  }
  for (const [target, state] of states)
    if (!canBe(last.get(target) ?? '', state)) broken.push(`${target}: ${state} after ${last.get(target)}`);
  return broken;
};
