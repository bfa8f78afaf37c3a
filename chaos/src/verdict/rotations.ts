import { KEY_ROTATED } from '@rekey/schema';
import type { Evidence } from './evidence.ts';
import { CLOCK_TOLERANCE_MS, createdAtOf } from './key-ages.ts';

/** The number of assistants that more than one rotation succeeded for, if each was to be rotated once. */
export const countDoneTwice = ({ published, succeededOnce }: Evidence): number => {
  if (!succeededOnce) return 0;
  const rotations = new Map<string, Set<string>>();
  const add = (assistantId: string, id: string | null) => {
    if (id !== null) rotations.set(assistantId, (rotations.get(assistantId) ?? new Set()).add(id));
  };
  for (const { event } of published)
    if (event.type === KEY_ROTATED && event.data.cause === 'rotation')
      add(event.subject, event.data.rotation_id);
  for (const { id, assistantId } of succeededOnce) add(assistantId, id);
  return [...rotations.values()].filter((ids) => ids.size > 1).length;
};

const publishedKeys = (
  published: Evidence['published'],
): Map<string, { version: number; print: string }[]> => {
  const keys = new Map<string, { version: number; print: string }[]>();
  for (const { event } of published) {
    if (event.type !== KEY_ROTATED) continue;
    const ofAssistant = keys.get(event.subject) ?? [];
    keys.set(event.subject, ofAssistant);
    ofAssistant.push({ version: event.data.version, print: event.data.fingerprint });
  }
  return keys;
};

/** The SUCCEEDED rotations for which no key was published that was created after they were accepted. */
export const succeededWithoutNewKey = ({
  history,
  published,
  rotations,
  fingerprint,
}: Evidence): string[] => {
  const createdAt = new Map<string, Map<string, number>>();
  const createdMs = (assistantId: string, print: string): number => {
    const known = createdAt.get(assistantId) ?? createdAtOf(history[assistantId] ?? [], fingerprint);
    createdAt.set(assistantId, known);
    return known.get(print) ?? 0;
  };
  const keys = publishedKeys(published);
  return rotations.flatMap((rotation) => {
    const { state, assistantId, acceptedMs, version } = rotation ?? {};
    if (state !== 'SUCCEEDED' || assistantId === undefined || acceptedMs === undefined) return [];
    const all = keys.get(assistantId) ?? [];
    const own = version === undefined ? all : all.filter((key) => key.version === version);
    const isNew = own.some(({ print }) => createdMs(assistantId, print) > acceptedMs - CLOCK_TOLERANCE_MS);
    return isNew ? [] : [`${assistantId}: accepted at ${acceptedMs}, version ${version ?? 'unknown'}`];
  });
};
