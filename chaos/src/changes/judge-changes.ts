import { brokenStates } from './bulk-states.ts';
import type { Try } from './record-tries.ts';
import type { SeenRecord } from './seen-record.ts';

/** Whether what the callers did is what is recorded. */
export interface ChangesVerdict {
  /** Changes that a caller got an answer for, and tries whose answer was lost. */
  answered: number;
  lost: number;
  /** How many records each caller has. */
  recorded: Record<string, number>;
  /** Answered changes without a record, and changes with more records than they can have made. */
  missing: string[];
  twice: string[];
  /** Records of changes that no caller knows of, denied calls among them. */
  unknown: string[];
  /** Bulk rotations whose records do not follow from one another. */
  broken: string[];
}

interface Bounds {
  least: number;
  most: number;
}

const nameOf = (type: string, target: string | undefined, by: string): string => `${type} ${target} by ${by}`;
const kindOf = (type: string, by: string): string => `${type} by ${by}`;
const add = (counts: Map<string, number>, name: string, count = 1): void =>
  void counts.set(name, (counts.get(name) ?? 0) + count);

/** How many records the tries of one change make. */
const boundsOf = (tries: readonly Try[]): Bounds => {
  const { rule } = tries[0]!;
  const answered = tries.filter(({ outcome }) => outcome === 'answered').length;
  const most = answered + tries.filter(({ outcome }) => outcome === 'lost').length;
  if (rule === 'once') return { least: Math.min(answered, 1), most: Math.min(most, 1) };
  return { least: rule === 'each' ? answered : 0, most };
};

/** The records that must or may be there; and of changes whose target nobody learned, how many may be. */
const boundsByName = (
  tries: readonly Try[],
): { expected: Map<string, Bounds>; spare: Map<string, number> } => {
  const expected = new Map<string, Bounds>();
  const spare = new Map<string, number>();
  for (const group of Map.groupBy(tries, ({ by, type, key }) => `${kindOf(type, by)} ${key}`).values()) {
    const { least, most } = boundsOf(group);
    const { type, by } = group[0]!;
    const target = group.find((one) => one.target !== undefined)?.target;
    if (target === undefined) {
      add(spare, kindOf(type, by), most);
      continue;
    }
    const name = nameOf(type, target, by);
    const others = expected.get(name) ?? { least: 0, most: 0 };
    expected.set(name, { least: others.least + least, most: others.most + most });
  }
  return { expected, spare };
};

/** A request that was answered with a rotation that was QUEUED already is a request of that rotation. */
const typeOf = ({ type }: SeenRecord): string => (type === 'rotation.joined' ? 'rotation.requested' : type);

/**
 * Compares every record of a caller with what the callers tried. `states`: of the bulk rotations, as they are
 * now, by target.
 */
export const judgeChanges = (
  records: readonly SeenRecord[],
  tries: readonly Try[],
  states: ReadonlyMap<string, string>,
): ChangesVerdict => {
  const { expected, spare } = boundsByName(tries);
  const counts = new Map<string, number>();
  const recorded: Record<string, number> = {};
  const unknown: string[] = [];
  const accepted = new Map<string, number>();
  for (const record of records) {
    const { by, target, position } = record;
    const [name, kind] = [nameOf(typeOf(record), target, by), kindOf(typeOf(record), by)];
    // Of what Rekey does by itself, only a part is known.
    const isKnown = expected.has(name);
    if (by.startsWith('system:') && !isKnown) continue;
    recorded[by] = (recorded[by] ?? 0) + 1;
    if (record.type === 'rotation.requested') add(accepted, `rotation.requested ${target}`);
    const left = spare.get(kind) ?? 0;
    if (isKnown) add(counts, name);
    else if (left > 0) spare.set(kind, left - 1);
    else unknown.push(`${position}: ${nameOf(record.type, target, by)}`);
  }
  const bounds = [...expected];
  const moreThan = (seen: Map<string, number>, most: (name: string) => number): string[] =>
    [...seen].flatMap(([name, count]) => (count > most(name) ? `${name}: ${count}` : []));
  return {
    answered: bounds.reduce((sum, [, { least }]) => sum + least, 0),
    lost: tries.filter(({ outcome }) => outcome === 'lost').length,
    recorded,
    missing: bounds.flatMap(([name, { least }]) => ((counts.get(name) ?? 0) < least ? name : [])),
    twice: [...moreThan(counts, (name) => expected.get(name)!.most), ...moreThan(accepted, () => 1)],
    unknown,
    broken: brokenStates(records, states),
  };
};

/** Whether each change is recorded once, under who made it, and nothing else is. */
export const areChangesRecorded = ({ missing, twice, unknown, broken }: ChangesVerdict): boolean =>
  missing.length + twice.length + unknown.length + broken.length === 0;
