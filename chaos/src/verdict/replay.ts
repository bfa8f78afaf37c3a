import { KEY_UNCERTAIN } from '@rekey/schema';
import type { Published } from './evidence.ts';
import type { AgeOf } from './key-ages.ts';

export interface Replay {
  /** The fingerprint published last for each assistant; null if the last event says that it has no key. */
  lastPrint: Map<string, string | null>;
  /** The events that publish a known key, by assistant. */
  deliveries: Map<string, { age: number; atMs: number }[]>;
  /** Gaps in the numbering, versions that went down, and keys older than one published before. */
  orderViolations: string[];
}

/** Reads the stream as a consumer does, and checks its order. */
export const replayEvents = (published: Published[], ageOf: AgeOf): Replay => {
  const lastPrint: Replay['lastPrint'] = new Map();
  const deliveries: Replay['deliveries'] = new Map();
  const orderViolations: string[] = [];
  const lastAge = new Map<string, number>();
  const lastVersion = new Map<string, number>();
  let expectedSeq = 1;
  for (const { event, atMs } of published) {
    const { subject, data } = event;
    const violation = (what: string) => orderViolations.push(`${subject} at ${atMs}: ${what}`);
    if (data.seq !== expectedSeq) violation(`number ${data.seq} after ${expectedSeq - 1}`);
    expectedSeq = data.seq + 1;
    if (event.type === KEY_UNCERTAIN) continue;
    const { version, fingerprint, cause } = event.data;
    if (version <= (lastVersion.get(subject) ?? 0)) violation('a lower version');
    lastVersion.set(subject, version);
    lastPrint.set(subject, fingerprint);
    const age = fingerprint === null ? undefined : ageOf(subject, fingerprint, atMs);
    if (age === undefined) continue;
    if (age < (lastAge.get(subject) ?? 0))
      violation(`key ${age} of its history after key ${lastAge.get(subject)} (${cause})`);
    lastAge.set(subject, age);
    deliveries.set(subject, [...(deliveries.get(subject) ?? []), { age, atMs }]);
  }
  return { lastPrint, deliveries, orderViolations };
};
