import { KEY_ROTATED, KEY_UNCERTAIN, isEnded, type KeyEvent, type RotationState } from '@rekey/schema';

/** A change of a key, as the simulator remembers it. */
export interface Change {
  /** Null where the assistant was deleted. */
  key: string | null;
  atMs: number;
  /** `denied`: by a POST that was answered as if it had been refused, so that nobody could know of it. */
  by: 'start' | 'request' | 'denied' | 'hand' | 'removed';
}

export interface Published {
  event: KeyEvent;
  /** When it came onto the stream: ms since 1970. */
  atMs: number;
}

export interface Evidence {
  /** Of every assistant that was ever changed, from the key that it began with. */
  history: Record<string, Change[]>;
  /** Everything on the stream, in its order. */
  published: Published[];
  /** What became of each rotation that was accepted; undefined where the ledger does not know it. */
  rotations: ({ state: RotationState; code?: string } | undefined)[];
  /** Where each assistant was to be rotated once: the rotations that are kept as SUCCEEDED. Those of a bulk whose first request was answered are not. */
  succeededOnce?: { id: string; assistantId: string }[];
  counts: { rotate: number; get: number; list: number; concurrentRotates: number };
  /** Upstream requests that sweeps made. */
  sweepRequests: number;
  /** The org of an assistant, and how many outcomes of it may be open. */
  orgOf: (assistantId: string) => string;
  boundOf: (orgId: string) => number;
  fingerprint: (key: string) => string;
}

export interface Verdict {
  rotations: number;
  succeeded: number;
  failed: Record<string, number>;
  /** Assistants whose last published key is not the one in force. */
  divergent: number;
  /** Accepted rotations that did not end. */
  lost: number;
  /** Assistants that were to be rotated once, and for which more than one rotation succeeded. */
  doneTwice: number;
  /** Events after which a version or the age of a key went down, or a number was missing. */
  orderViolations: number;
  concurrentPosts: number;
  /** By how many unpublished keys an org was over its bound, at the worst moment: of those that somebody could know of. */
  burntBeyondBound: number;
  mostUnpublished: Record<string, number>;
  requestsARotation: number;
  events: number;
  handRotations: number;
  /** POSTs that took effect and were answered as if they had been refused. */
  denied: number;
  uncertainAnnounced: number;
  /** From the change upstream to the event that brings that key, or a newer one: of changes that Rekey asked for. */
  darkTimeMs: { p50: number; p99: number; max: number };
}

/** The verdict, from the simulator's truth and what consumers could read. Nothing here trusts what Rekey says of itself, but for its end states. */
export const judge = (evidence: Evidence): Verdict => {
  const { history, published, rotations, counts } = evidence;
  const ages = agesOf(evidence);
  const lastState = new Map<string, string | null>();
  const lastAge = new Map<string, number>();
  const lastVersion = new Map<string, number>();
  const bringing = new Map<string, { age: number; atMs: number }[]>();
  let orderViolations = 0;
  let expectedSeq = 1;
  for (const { event, atMs } of published) {
    const { subject, data } = event;
    if (data.seq !== expectedSeq) orderViolations += 1;
    expectedSeq = data.seq + 1;
    if (event.type === KEY_UNCERTAIN) continue;
    if (event.data.version <= (lastVersion.get(subject) ?? 0)) orderViolations += 1;
    lastVersion.set(subject, event.data.version);
    lastState.set(subject, event.data.fingerprint);
    const age = event.data.fingerprint === null ? undefined : ages.get(`${subject} ${event.data.fingerprint}`);
    if (age === undefined) continue;
    if (age < (lastAge.get(subject) ?? 0)) orderViolations += 1;
    lastAge.set(subject, age);
    bringing.set(subject, [...(bringing.get(subject) ?? []), { age, atMs }]);
  }

  const inForce = (changes: Change[]) => changes.at(-1)!.key;
  const divergent = Object.entries(history).filter(([assistantId, changes]) => {
    const key = inForce(changes);
    return lastState.get(assistantId) !== (key === null ? null : evidence.fingerprint(key));
  }).length;

  const unpublished = spansUnpublished(history, bringing);
  const unknown = unpublished.filter(({ denied }) => !denied);
  const mostUnpublished: Record<string, number> = {};
  for (const org of new Set(unknown.map(({ assistantId }) => evidence.orgOf(assistantId)))) {
    mostUnpublished[org] = mostAtOnce(unknown.filter(({ assistantId }) => evidence.orgOf(assistantId) === org));
  }
  const dark = unpublished.map(({ fromMs, toMs }) => toMs - fromMs).filter(Number.isFinite).toSorted((a, b) => a - b);
  const failed: Record<string, number> = {};
  for (const rotation of rotations) if (rotation?.state === 'FAILED') failed[rotation.code ?? ''] = (failed[rotation.code ?? ''] ?? 0) + 1;

  return {
    rotations: rotations.length,
    succeeded: rotations.filter((rotation) => rotation?.state === 'SUCCEEDED').length,
    failed,
    divergent,
    lost: rotations.filter((rotation) => !rotation || !isEnded(rotation.state)).length,
    doneTwice: doneTwice(evidence),
    orderViolations,
    concurrentPosts: counts.concurrentRotates,
    burntBeyondBound: Math.max(0, ...Object.entries(mostUnpublished).map(([org, most]) => most - evidence.boundOf(org))),
    mostUnpublished,
    requestsARotation: (counts.rotate + counts.get + counts.list - evidence.sweepRequests) / rotations.length,
    events: published.length,
    handRotations: Object.values(history).flat().filter(({ by }) => by === 'hand').length,
    denied: Object.values(history).flat().filter(({ by }) => by === 'denied').length,
    uncertainAnnounced: published.filter(({ event }) => event.type === KEY_UNCERTAIN).length,
    darkTimeMs: { p50: Math.round(percentile(dark, 0.5)), p99: Math.round(percentile(dark, 0.99)), max: Math.round(dark.at(-1) ?? 0) },
  };
};

/** Whether it holds what was promised. */
export const isClean = ({ divergent, lost, doneTwice: twice, orderViolations, concurrentPosts, burntBeyondBound }: Verdict): boolean =>
  divergent + lost + twice + orderViolations + concurrentPosts + burntBeyondBound === 0;

const doneTwice = ({ published, succeededOnce }: Evidence): number => {
  if (!succeededOnce) return 0;
  const rotations = new Map<string, Set<string>>();
  const note = (assistantId: string, id: string | null) => {
    if (id !== null) rotations.set(assistantId, (rotations.get(assistantId) ?? new Set()).add(id));
  };
  for (const { event } of published) if (event.type === KEY_ROTATED && event.data.cause === 'rotation') note(event.subject, event.data.rotation_id);
  for (const { id, assistantId } of succeededOnce) note(assistantId, id);
  return [...rotations.values()].filter((ids) => ids.size > 1).length;
};

/** The place of each key in its assistant's history. */
const agesOf = ({ history, fingerprint }: Evidence): Map<string, number> => {
  const ages = new Map<string, number>();
  for (const [assistantId, changes] of Object.entries(history)) {
    changes.forEach(({ key }, age) => {
      if (key !== null) ages.set(`${assistantId} ${fingerprint(key)}`, age);
    });
  }
  return ages;
};

interface Span {
  assistantId: string;
  fromMs: number;
  toMs: number;
  denied: boolean;
}

/** From when to when consumers could not open the key in force, for changes that Rekey asked for; endless where they never could. */
const spansUnpublished = (history: Record<string, Change[]>, bringing: Map<string, { age: number; atMs: number }[]>): Span[] =>
  Object.entries(history).flatMap(([assistantId, changes]) =>
    changes.flatMap(({ by, atMs }, age) => {
      if (by !== 'request' && by !== 'denied') return [];
      const brought = bringing.get(assistantId)?.find((event) => event.age >= age);
      return [{ assistantId, denied: by === 'denied', fromMs: atMs, toMs: brought ? Math.max(brought.atMs, atMs) : Number.POSITIVE_INFINITY }];
    }),
  );

/** How many assistants had such a span at the same moment. */
const mostAtOnce = (spans: Span[]): number => {
  // What was published within the same millisecond was open at no moment.
  const edges = spans.filter(({ fromMs, toMs }) => toMs > fromMs).flatMap(({ assistantId, fromMs, toMs }) => [{ atMs: fromMs, by: 1, assistantId }, { atMs: toMs, by: -1, assistantId }]);
  const open = new Map<string, number>();
  let most = 0;
  for (const { by, assistantId } of edges.toSorted((a, b) => a.atMs - b.atMs || a.by - b.by)) {
    const count = (open.get(assistantId) ?? 0) + by;
    if (count > 0) open.set(assistantId, count);
    else open.delete(assistantId);
    most = Math.max(most, open.size);
  }
  return most;
};

const percentile = (sorted: number[], share: number): number => sorted[Math.min(Math.ceil(sorted.length * share) - 1, sorted.length - 1)] ?? 0;
