import { MAX_ACTIVITY_STATE_BYTES } from '@rekey/schema';

/**
 * Names as a short JSON text, for `before` and `after` of a record of activity: a list of them; of too many,
 * how many there are and the first ones.
 */
export const namesText = (names: readonly string[]): string => {
  const whole = JSON.stringify(names);
  if (Buffer.byteLength(whole) <= MAX_ACTIVITY_STATE_BYTES) return whole;
  const first: string[] = [];
  const textOf = () => JSON.stringify({ count: names.length, first });
  for (const name of names) {
    first.push(name);
    if (Buffer.byteLength(textOf()) <= MAX_ACTIVITY_STATE_BYTES) continue;
    first.pop();
    break;
  }
  return textOf();
};
