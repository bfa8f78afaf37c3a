import { START_MS, type Action } from './terms.ts';
import type { WorldState } from './world-state.ts';

/** The arguments of a command that its text shows. */
export const GIVEN: ReadonlySet<string> = new Set([
  'rotationId',
  'assistantId',
  'epoch',
  'key',
  'fingerprint',
  'cause',
  'rotation',
  'read',
  'beganMs',
  'readInMs',
  'code',
  'state',
]);
/** The parts of an answer that its text shows. */
export const ANSWERED: ReadonlySet<string> = new Set([
  'kind',
  'claim',
  'hold',
  'epoch',
  'stateBefore',
  'landsInMs',
  'retryInMs',
  'publishedVersion',
  'assistantId',
]);

/** What a command was given or answered, in few words. */
export const brief = (world: WorldState, value: unknown, shown: ReadonlySet<string>): string => {
  if (typeof value === 'number' && value >= START_MS * 1000) return ` #${(value - START_MS * 1000) / 1000}`;
  if (typeof value === 'number' && value >= START_MS) return ` ${value - START_MS} ms`;
  if (typeof value === 'string') return ` ${world.upstream.nameOf(value, world.options.sealer) ?? value}`;
  if (Array.isArray(value)) return value.map((one) => brief(world, one, shown)).join('');
  if (typeof value !== 'object' || value === null) return ` ${String(value)}`;
  return Object.entries(value)
    .filter(([word, one]) => shown.has(word) && one !== undefined && one !== '')
    .map(([word, one]) => {
      const text = brief(world, one, shown);
      return word.endsWith('Ms') ? ` ${word}${text}` : text;
    })
    .join('');
};

/**
 * Distinguishes an action from others. Times, and the number of restarts of a process, are left out: they
 * shift if an earlier step is left out.
 */
export const keyOf = ({ text, key }: Action): string =>
  key ?? text.replaceAll(/ (#|[\d.]+ ms)\S*|\.\d+/g, '');
