import { hash } from 'node:crypto';
import { isOutcome, type Fault } from './fault.ts';

/** The parts of a request by which faults are selected. */
interface Asked {
  on: 'rotate' | 'get' | 'list';
  assistantId?: string | undefined;
  /** The org id of the path, and the one that it stands for. */
  orgIds?: readonly string[];
}

/** A view that applies to a request. */
export interface View {
  readonly fault: Fault;
  /** When it started: Unix time in ms. */
  readonly sinceMs: number;
  /** The number of requests that it has applied to, including this one. */
  readonly hits: number;
}

interface ActiveFault {
  id: number;
  fault: Fault;
  /** The number of remaining requests; null for no limit. */
  left: number | null;
  /** Its start and end: Unix time in ms; null if it does not end by itself. */
  from_ms: number;
  until_ms: number | null;
}

export interface Faults {
  /** Returns an id for `remove`. */
  add(fault: Fault): number;
  remove(id: number): boolean;
  clear(): void;
  active(): ActiveFault[];
  /** The first outcome that applies to this request, which counts as one use of it. */
  next(on: Asked['on'], assistantId: string | undefined, orgIds?: readonly string[]): Fault | undefined;
  /** All views that apply to this request, in the order of their scripting; counts as one use of each. */
  views(asked: Asked): View[];
}

interface Scripted {
  id: number;
  fault: Fault;
  left: number;
  hits: number;
  fromMs: number;
  untilMs: number;
}

const nowMs = (): number => performance.timeOrigin + performance.now();

/** Whether an assistant belongs to a fixed share, by its id. Equal for all faults with the same share. */
export const isOfShare = (assistantId: string, share: number, salt = ''): boolean =>
  hash('sha256', `${salt} ${assistantId}`, 'buffer').readUInt32BE(0) / 2 ** 32 < share;

/** Whether a fault that applies to a request concerns this assistant. */
export const concerns = ({ assistantId, share }: Fault, id: string): boolean =>
  (assistantId === undefined || assistantId === id) && (share === undefined || isOfShare(id, share));

/** Whether a fault is active, and for this kind of request and org. */
const appliesTo = ({ fault, fromMs, untilMs }: Scripted, { on, orgIds = [] }: Asked): boolean => {
  if (fault.on !== on && fault.on !== 'any') return false;
  if (fault.orgId !== undefined && !orgIds.includes(fault.orgId)) return false;
  // A fault without start and duration needs no clock.
  if (fault.afterMs === 0 && fault.forMs === undefined) return true;
  const now = nowMs();
  return now >= fromMs && now < untilMs;
};

/** Whether an outcome may apply to a request for this assistant; a list names none. */
const selects = (fault: Fault, id: string | undefined): boolean =>
  (fault.assistantId === undefined || fault.assistantId === id) &&
  (fault.share === undefined || (id !== undefined && isOfShare(id, fault.share)));

const schedule = (id: number, fault: Fault): Scripted => {
  const fromMs = nowMs() + fault.afterMs;
  const untilMs = fromMs + (fault.forMs ?? Number.POSITIVE_INFINITY);
  const left = fault.times === 0 ? Number.POSITIVE_INFINITY : fault.times;
  return { id, fault, left, hits: 0, fromMs, untilMs };
};

const describe = ({ id, fault, left, fromMs, untilMs }: Scripted): ActiveFault => ({
  id,
  fault,
  left: Number.isFinite(left) ? left : null,
  from_ms: fromMs,
  until_ms: Number.isFinite(untilMs) ? untilMs : null,
});

/** `random` returns numbers in [0, 1), and decides on the `probability` of faults. */
export const createFaults = (random: () => number = Math.random): Faults => {
  let outcomes: Scripted[] = [];
  let views: Scripted[] = [];
  let added = 0;

  const keep = (isKept: (one: Scripted) => boolean): void => {
    outcomes = outcomes.filter(isKept);
    views = views.filter(isKept);
  };
  const dropEnded = (): void => {
    const now = nowMs();
    keep(({ untilMs }) => untilMs > now);
  };
  const use = (used: Scripted): void => {
    used.hits += 1;
    used.left -= 1;
    if (used.left <= 0) keep((one) => one !== used);
  };

  return {
    add: (fault) => {
      dropEnded();
      added += 1;
      (isOutcome(fault) ? outcomes : views).push(schedule(added, fault));
      return added;
    },
    remove: (id) => {
      const before = outcomes.length + views.length;
      keep((one) => one.id !== id);
      return outcomes.length + views.length < before;
    },
    clear: () => keep(() => false),
    active: () => {
      dropEnded();
      return [...outcomes, ...views].toSorted((a, b) => a.id - b.id).map(describe);
    },
    next: (on, assistantId, orgIds) => {
      if (outcomes.length === 0) return undefined;
      const asked = { on, assistantId, ...(orgIds && { orgIds }) };
      const hit = outcomes.find(
        (one) => appliesTo(one, asked) && selects(one.fault, assistantId) && random() < one.fault.probability,
      );
      if (hit) use(hit);
      return hit?.fault;
    },
    views: (asked) => {
      if (views.length === 0) return [];
      const { assistantId } = asked;
      const hit = views.filter(
        (one) =>
          appliesTo(one, asked) &&
          (assistantId === undefined || concerns(one.fault, assistantId)) &&
          random() < one.fault.probability,
      );
      for (const one of hit) use(one);
      return hit.map(({ fault, fromMs, hits }) => ({ fault, sinceMs: fromMs, hits }));
    },
  };
};
