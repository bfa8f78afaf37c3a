import type { Attention, AttentionCode } from '@rekey/schema';
import { MAX_TIME_MS } from '../../listing/listed-assistant.ts';

export const MINUTE_MS = 60_000;

interface Item {
  subject?: string;
  message: string;
  advice: string;
  sinceMs?: number | undefined;
}

export const item = (code: AttentionCode, { subject = '', message, advice, sinceMs }: Item): Attention => ({
  code,
  subject,
  message,
  advice,
  ...(sinceMs !== undefined && { sinceMs }),
});

const SHOWN_OF_A_KIND = 10;

/** Names the first few of a kind, and counts the rest. `count`: of all; those given are the first of them. */
export const each = <T>(
  code: AttentionCode,
  all: readonly T[],
  toItem: (one: T) => Item,
  count = all.length,
): Attention[] => {
  const shown = all.slice(0, SHOWN_OF_A_KIND);
  const items = shown.map((one) => item(code, toItem(one)));
  const rest = count - shown.length;
  if (rest <= 0 || shown.length === 0) return items;
  return [...items, item(code, { message: `${rest} more of this kind.`, advice: items[0]!.advice })];
};

/** Another client can have written a moment that no date has. */
export const dateText = (ms: number): string => new Date(Math.min(ms, MAX_TIME_MS)).toISOString();
export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
