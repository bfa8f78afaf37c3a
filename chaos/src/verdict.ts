import {
  KEY_REMOVED,
  KEY_ROTATED,
  KEY_UNCERTAIN,
  isEnded,
  type KeyEvent,
  type RotationState,
} from '@rekey/schema';

/** A change of a key, as the simulator remembers it. */
export interface Change {
  /** Null where the assistant was deleted. */
  key: string | null;
  atMs: number;
  /**
   * `denied`: by a POST that was answered as if it had been refused, so that nobody could know of it.
   * `restored`: upstream went back to what was so before, so that a key may stand in a history more than
   * once.
   */
  by: 'start' | 'request' | 'denied' | 'hand' | 'removed' | 'restored';
}

/** What became of a rotation that was accepted. */
export interface Outcome {
  state: RotationState;
  code?: string;
  /** Of which assistant, and when it was accepted: ms since 1970. */
  assistantId?: string;
  acceptedMs?: number;
  /** The key version that it ended with; of a bulk's it is not known. */
  version?: number;
}

/** What `rekey status --check` said at a moment: whether something needs an operator. */
export interface StatusSample {
  atMs: number;
  says: boolean;
}

export interface Published {
  event: KeyEvent;
  /** When it came onto the stream: ms since 1970. */
  atMs: number;
}

export interface Evidence {
  /** Of every assistant, from the key that it began with. */
  history: Record<string, Change[]>;
  /** Everything on the stream, in its order. */
  published: Published[];
  /** What became of each rotation that was accepted; undefined where the ledger does not know it. */
  rotations: (Outcome | undefined)[];
  /**
   * Where each assistant was to be rotated once: the rotations that are kept as SUCCEEDED. Those of a bulk
   * whose first request was answered are not.
   */
  succeededOnce?: { id: string; assistantId: string }[];
  counts: { rotate: number; get: number; list: number; concurrentRotates: number };
  /** Upstream requests that sweeps made. */
  sweepRequests: number;
  /** The org of an assistant, and how many outcomes of it may be open. */
  orgOf: (assistantId: string) => string;
  boundOf: (orgId: string) => number;
  fingerprint: (key: string) => string;
  /**
   * Whether it is one of the org that was asked for, and no stranger of another org that an API key showed
   * for a time.
   */
  isOurs?: (assistantId: string) => boolean;
  statusSamples?: StatusSample[];
  /**
   * For how long something may be wrong while status says nothing: an interval of sweeps, and what a sweep
   * and its reads take.
   */
  wrongForMs?: number;
  /** A removal that is published may be of an assistant that was gone so shortly before. */
  removedWithinMs?: number;
  /** Of a bulk rotation of all: those that it left out, and called itself complete. */
  leftOut?: number;
  /** How often a worker whose log took no line did not work, or did not end when it was told to. */
  stuckByLog?: number;
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
  /**
   * SUCCEEDED, but the key was made before the rotation was accepted; or none that was made since was
   * published.
   */
  succeededWithoutNewKey: number;
  /** Events that say an assistant is gone, or has no key, which was there and had one. */
  removedAlive: number;
  /**
   * Assistants whose published key was not in force for longer than may be, while status said that all is
   * well.
   */
  silentlyWrong: number;
  /** Living assistants that a bulk rotation of all left out. */
  leftOut: number;
  /** Workers that did not work, or did not end, because their log took no line. */
  stuckByLog: number;
  /** Events after which a version or the age of a key went down, or a number was missing. */
  orderViolations: number;
  concurrentPosts: number;
  /**
   * By how many unpublished keys an org was over its bound, at the worst moment: of those that somebody could
   * know of.
   */
  burntBeyondBound: number;
  mostUnpublished: Record<string, number>;
  requestsARotation: number;
  events: number;
  handRotations: number;
  /** POSTs that took effect and were answered as if they had been refused. */
  denied: number;
  uncertainAnnounced: number;
  /** Changes by which upstream went back to what was so before. */
  restored: number;
  /** Events with a key that the assistant never had: upstream showed it, and it was believed. */
  keysNeverMade: number;
  /** Events about assistants of other orgs. */
  strangersPublished: number;
  /**
   * The longest time for which a published key was not in force and consumers were not told that it is
   * uncertain.
   */
  longestWrongMs: number;
  /** Of which assistant, and when. */
  longestWrong: string;
  /**
   * From the change upstream to the event that brings that key, or a newer one: of changes that Rekey asked
   * for.
   */
  darkTimeMs: { p50: number; p99: number; max: number };
  /** Of figures that must be 0, a few cases each: the assistant, and when (ms since 1970). */
  examples: Record<string, string[]>;
}

/**
 * The verdict, from the simulator's truth and what consumers could read. Nothing here trusts what Rekey says
 * of itself, but for its end states.
 */
export const judge = (evidence: Evidence): Verdict => {
  const { published, rotations, counts, isOurs = () => true } = evidence;
  // What another org does is not for us to publish, and nobody asked for it.
  const history = Object.fromEntries(
    Object.entries(evidence.history).filter(([assistantId]) => isOurs(assistantId)),
  );
  const ages = agesOf(history, evidence.fingerprint);
  const lastState = new Map<string, string | null>();
  const lastAge = new Map<string, number>();
  const lastVersion = new Map<string, number>();
  const bringing = new Map<string, { age: number; atMs: number }[]>();
  const violations: string[] = [];
  let expectedSeq = 1;
  for (const { event, atMs } of published) {
    const { subject, data } = event;
    const violated = (what: string) => violations.push(`${subject} at ${atMs}: ${what}`);
    if (data.seq !== expectedSeq) violated(`number ${data.seq} after ${expectedSeq - 1}`);
    expectedSeq = data.seq + 1;
    if (event.type === KEY_UNCERTAIN) continue;
    if (event.data.version <= (lastVersion.get(subject) ?? 0)) violated('a lower version');
    lastVersion.set(subject, event.data.version);
    lastState.set(subject, event.data.fingerprint);
    const age = event.data.fingerprint === null ? undefined : ages(subject, event.data.fingerprint, atMs);
    if (age === undefined) continue;
    if (age < (lastAge.get(subject) ?? 0))
      violated(`key ${age} of its history after key ${lastAge.get(subject)} (${event.data.cause})`);
    lastAge.set(subject, age);
    bringing.set(subject, [...(bringing.get(subject) ?? []), { age, atMs }]);
  }

  const inForce = (changes: Change[]) => changes.at(-1)!.key;
  const divergent = Object.entries(history).filter(([assistantId, changes]) => {
    const key = inForce(changes);
    // Of one that is gone, and of which nothing was ever published, nobody has to be told.
    return (lastState.get(assistantId) ?? null) !== (key === null ? null : evidence.fingerprint(key));
  });
  const cases = {
    divergent: divergent.map(([assistantId, changes]) => {
      const { by, key, atMs } = changes.at(-1)!;
      const last = lastState.get(assistantId);
      return `${assistantId}: ${last === undefined ? 'nothing' : last === null ? 'a removal' : 'a key'} is published last, and since ${Math.round(atMs)} ${key === null ? 'there is none' : 'another key is in force'} (${by})`;
    }),
    succeededWithoutNewKey: succeededWithoutNewKey(evidence),
    removedAlive: removedAlive(history, evidence),
    orderViolations: violations,
  };

  const wrong = spansWrong(history, evidence);
  const silent = silentlyWrong(wrong, evidence);
  const [longest] = wrong
    .filter(({ fromMs, toMs }) => Number.isFinite(toMs - fromMs))
    .toSorted((a, b) => b.toMs - b.fromMs - (a.toMs - a.fromMs));
  const unpublished = spansUnpublished(history, bringing);
  const unknown = unpublished.filter(({ denied }) => !denied);
  const mostUnpublished: Record<string, number> = {};
  for (const org of new Set(unknown.map(({ assistantId }) => evidence.orgOf(assistantId)))) {
    mostUnpublished[org] = mostAtOnce(
      unknown.filter(({ assistantId }) => evidence.orgOf(assistantId) === org),
    );
  }
  const dark = unpublished
    .map(({ fromMs, toMs }) => toMs - fromMs)
    .filter(Number.isFinite)
    .toSorted((a, b) => a - b);
  const failed: Record<string, number> = {};
  for (const rotation of rotations)
    if (rotation?.state === 'FAILED') failed[rotation.code ?? ''] = (failed[rotation.code ?? ''] ?? 0) + 1;

  return {
    rotations: rotations.length,
    succeeded: rotations.filter((rotation) => rotation?.state === 'SUCCEEDED').length,
    failed,
    divergent: divergent.length,
    lost: rotations.filter((rotation) => !rotation || !isEnded(rotation.state)).length,
    doneTwice: doneTwice(evidence),
    succeededWithoutNewKey: cases.succeededWithoutNewKey.length,
    removedAlive: cases.removedAlive.length,
    silentlyWrong: silent.length,
    leftOut: evidence.leftOut ?? 0,
    stuckByLog: evidence.stuckByLog ?? 0,
    orderViolations: violations.length,
    concurrentPosts: counts.concurrentRotates,
    burntBeyondBound: Math.max(
      0,
      ...Object.entries(mostUnpublished).map(([org, most]) => most - evidence.boundOf(org)),
    ),
    mostUnpublished,
    requestsARotation: (counts.rotate + counts.get + counts.list - evidence.sweepRequests) / rotations.length,
    events: published.length,
    handRotations: Object.values(history)
      .flat()
      .filter(({ by }) => by === 'hand').length,
    denied: Object.values(history)
      .flat()
      .filter(({ by }) => by === 'denied').length,
    uncertainAnnounced: published.filter(({ event }) => event.type === KEY_UNCERTAIN).length,
    restored: Object.values(history)
      .flat()
      .filter(({ by }) => by === 'restored').length,
    keysNeverMade: published.filter(
      ({ event, atMs }) =>
        event.type === KEY_ROTATED &&
        isOurs(event.subject) &&
        ages(event.subject, event.data.fingerprint, atMs) === undefined,
    ).length,
    strangersPublished: published.filter(({ event }) => !isOurs(event.subject)).length,
    longestWrongMs: longest ? Math.round(longest.toMs - longest.fromMs) : 0,
    longestWrong: longest ? spanText(longest) : '',
    darkTimeMs: {
      p50: Math.round(percentile(dark, 0.5)),
      p99: Math.round(percentile(dark, 0.99)),
      max: Math.round(dark.at(-1) ?? 0),
    },
    examples: Object.fromEntries(
      Object.entries({ ...cases, silentlyWrong: silent })
        .filter(([, all]) => all.length > 0)
        .map(([figure, all]) => [figure, all.slice(0, EXAMPLES)]),
    ),
  };
};

const EXAMPLES = 5;

/** What was promised. */
const mustBeZero = [
  'divergent',
  'lost',
  'doneTwice',
  'succeededWithoutNewKey',
  'removedAlive',
  'silentlyWrong',
  'leftOut',
  'stuckByLog',
  'orderViolations',
  'concurrentPosts',
  'burntBeyondBound',
] as const satisfies (keyof Verdict)[];

/** Whether it holds what was promised. */
export const isClean = (verdict: Verdict): boolean => mustBeZero.every((figure) => verdict[figure] === 0);

const doneTwice = ({ published, succeededOnce }: Evidence): number => {
  if (!succeededOnce) return 0;
  const rotations = new Map<string, Set<string>>();
  const note = (assistantId: string, id: string | null) => {
    if (id !== null) rotations.set(assistantId, (rotations.get(assistantId) ?? new Set()).add(id));
  };
  for (const { event } of published)
    if (event.type === KEY_ROTATED && event.data.cause === 'rotation')
      note(event.subject, event.data.rotation_id);
  for (const { id, assistantId } of succeededOnce) note(assistantId, id);
  return [...rotations.values()].filter((ids) => ids.size > 1).length;
};

/** An event's time is in whole milliseconds, and upstream's clock is another one. */
const CLOCKS_DIFFER_MS = 5;

/**
 * The place of a key in its assistant's history, at a time. One that was restored stands there more than
 * once: it is as old as it was when it came for the last time until then.
 */
const agesOf = (
  history: Record<string, Change[]>,
  fingerprint: Evidence['fingerprint'],
): ((assistantId: string, print: string, atMs: number) => number | undefined) => {
  const ages = new Map<string, { age: number; atMs: number }[]>();
  for (const [assistantId, changes] of Object.entries(history)) {
    changes.forEach(({ key, atMs }, age) => {
      if (key === null) return;
      const name = `${assistantId} ${fingerprint(key)}`;
      const places = ages.get(name);
      if (places) places.push({ age, atMs });
      else ages.set(name, [{ age, atMs }]);
    });
  }
  return (assistantId, print, atMs) => {
    const places = ages.get(`${assistantId} ${print}`);
    return (places?.findLast((place) => place.atMs <= atMs + CLOCKS_DIFFER_MS) ?? places?.[0])?.age;
  };
};

const isMade = ({ by }: Change): boolean => by === 'request' || by === 'denied' || by === 'hand';

/**
 * When each key of an assistant was made: 0 for the one that it began with. What is restored, or undeleted,
 * is as old as it was.
 */
const madeAtOf = (changes: Change[], fingerprint: Evidence['fingerprint']): Map<string, number> => {
  const made = new Map<string, number>();
  for (const change of changes) {
    if (change.key === null) continue;
    const print = fingerprint(change.key);
    if (!made.has(print)) made.set(print, isMade(change) ? change.atMs : 0);
  }
  return made;
};

/**
 * The rotations that were called SUCCEEDED without a key that was made, and published, after they were
 * accepted.
 */
const succeededWithoutNewKey = ({ history, published, rotations, fingerprint }: Evidence): string[] => {
  const made = new Map<string, Map<string, number>>();
  const madeAt = (assistantId: string, print: string): number => {
    const known = made.get(assistantId) ?? madeAtOf(history[assistantId] ?? [], fingerprint);
    made.set(assistantId, known);
    return known.get(print) ?? 0;
  };
  const events = new Map<string, { version: number; print: string }[]>();
  for (const { event } of published) {
    if (event.type !== KEY_ROTATED) continue;
    const all = events.get(event.subject) ?? [];
    events.set(event.subject, all);
    all.push({ version: event.data.version, print: event.data.fingerprint });
  }
  return rotations.flatMap((rotation) => {
    const { state, assistantId, acceptedMs, version } = rotation ?? {};
    if (state !== 'SUCCEEDED' || assistantId === undefined || acceptedMs === undefined) return [];
    const all = events.get(assistantId) ?? [];
    const own = version === undefined ? all : all.filter((event) => event.version === version);
    const isNew = own.some(({ print }) => madeAt(assistantId, print) > acceptedMs - CLOCKS_DIFFER_MS);
    return isNew ? [] : [`${assistantId}: accepted at ${acceptedMs}, version ${version ?? 'unknown'}`];
  });
};

const wasGone = (changes: Change[], fromMs: number, toMs: number): boolean =>
  changes.some(
    ({ key, atMs }, i) =>
      key === null && atMs <= toMs && (changes[i + 1]?.atMs ?? Number.POSITIVE_INFINITY) >= fromMs,
  );

/** The removals that were published of assistants that were there, with a key, all the time around. */
const removedAlive = (
  history: Record<string, Change[]>,
  { published, removedWithinMs = 0 }: Evidence,
): string[] =>
  published.flatMap(({ event, atMs }) => {
    const changes = history[event.subject];
    const isWrong =
      event.type === KEY_REMOVED &&
      changes !== undefined &&
      !wasGone(changes, atMs - removedWithinMs, atMs + CLOCKS_DIFFER_MS);
    return isWrong ? [`${event.subject} at ${atMs}: ${event.data.removal}`] : [];
  });

/**
 * From when to when the published key was not the one in force, and consumers had not been told that it is
 * uncertain.
 */
const spansWrong = (
  history: Record<string, Change[]>,
  { published, fingerprint, statusSamples = [] }: Evidence,
): { assistantId: string; fromMs: number; toMs: number }[] => {
  const eventsOf = Map.groupBy(published, ({ event }) => event.subject);
  const endMs = statusSamples.at(-1)?.atMs ?? Number.POSITIVE_INFINITY;
  const spans: { assistantId: string; fromMs: number; toMs: number }[] = [];
  for (const [assistantId, events] of eventsOf) {
    const changes = history[assistantId];
    if (!changes) continue;
    type Move = { atMs: number; truth: string | null } | { atMs: number; event: KeyEvent };
    const moves: Move[] = [
      ...changes.map(({ key, atMs }) => ({ atMs, truth: key === null ? null : fingerprint(key) })),
      ...events.map(({ event, atMs }) => ({ atMs, event })),
    ].toSorted((a, b) => a.atMs - b.atMs);
    let truth: string | null | undefined;
    let told: { print: string | null; version: number; uncertain: boolean } | undefined;
    let sinceMs: number | undefined;
    for (const move of moves) {
      if ('truth' in move) truth = move.truth;
      else if (move.event.type === KEY_UNCERTAIN) {
        if (told && move.event.data.version === told.version) told = { ...told, uncertain: true };
      } else
        told = { print: move.event.data.fingerprint, version: move.event.data.version, uncertain: false };
      const isWrong = told !== undefined && !told.uncertain && told.print !== truth;
      if (isWrong) sinceMs ??= move.atMs;
      else if (sinceMs !== undefined) {
        spans.push({ assistantId, fromMs: sinceMs, toMs: move.atMs });
        sinceMs = undefined;
      }
    }
    if (sinceMs !== undefined) spans.push({ assistantId, fromMs: sinceMs, toMs: Math.max(endMs, sinceMs) });
  }
  return spans;
};

/** The assistants that were wrong for too long at a moment at which status had nothing to say. */
const silentlyWrong = (
  spans: { assistantId: string; fromMs: number; toMs: number }[],
  { statusSamples = [], wrongForMs = Number.POSITIVE_INFINITY }: Evidence,
): string[] => {
  const clear = statusSamples.filter(({ says }) => !says);
  const wrong = spans.filter(
    ({ fromMs, toMs }) =>
      toMs - fromMs > wrongForMs && clear.some(({ atMs }) => atMs > fromMs + wrongForMs && atMs <= toMs),
  );
  const longest = new Map(
    wrong.toSorted((a, b) => a.toMs - a.fromMs - (b.toMs - b.fromMs)).map((span) => [span.assistantId, span]),
  );
  return [...longest.values()].map(spanText);
};

const spanText = ({
  assistantId,
  fromMs,
  toMs,
}: {
  assistantId: string;
  fromMs: number;
  toMs: number;
}): string => `${assistantId}: from ${Math.round(fromMs)} to ${Math.round(toMs)}`;

interface Span {
  assistantId: string;
  fromMs: number;
  toMs: number;
  denied: boolean;
}

/**
 * From when to when consumers could not open the key in force, for changes that Rekey asked for; endless
 * where they never could. What upstream itself takes back is no longer in force.
 */
const spansUnpublished = (
  history: Record<string, Change[]>,
  bringing: Map<string, { age: number; atMs: number }[]>,
): Span[] =>
  Object.entries(history).flatMap(([assistantId, changes]) =>
    changes.flatMap(({ by, atMs }, age) => {
      if (by !== 'request' && by !== 'denied') return [];
      const brought = bringing.get(assistantId)?.find((event) => event.age >= age);
      const broughtMs = brought ? Math.max(brought.atMs, atMs) : Number.POSITIVE_INFINITY;
      const takenBackMs =
        changes.slice(age + 1).find((later) => later.by === 'restored')?.atMs ?? Number.POSITIVE_INFINITY;
      return [{ assistantId, denied: by === 'denied', fromMs: atMs, toMs: Math.min(broughtMs, takenBackMs) }];
    }),
  );

/** How many assistants had such a span at the same moment. */
const mostAtOnce = (spans: Span[]): number => {
  // What was published within the same millisecond was open at no moment.
  const edges = spans
    .filter(({ fromMs, toMs }) => toMs > fromMs)
    .flatMap(({ assistantId, fromMs, toMs }) => [
      { atMs: fromMs, by: 1, assistantId },
      { atMs: toMs, by: -1, assistantId },
    ]);
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

const percentile = (sorted: number[], share: number): number =>
  sorted[Math.min(Math.ceil(sorted.length * share) - 1, sorted.length - 1)] ?? 0;
