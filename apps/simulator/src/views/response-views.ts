import type { View } from '../faults/faults.ts';
import { preciseNowMs } from '../world/state.ts';
import { findView } from './find-view.ts';

/** The headers that the views add to any answer. */
export const headersOf = (views: readonly View[], asksAnew: boolean): Record<string, string> => {
  const headers: Record<string, string> = {};
  if (findView(views, 'skewDate')) headers['date'] = new Date(skewedNowMs(views)).toUTCString();
  const encoded = findView(views, 'encode');
  if (encoded) headers['content-encoding'] = encoded.fault.encoding;
  const cached = findView(views, 'cachedRead');
  if (cached?.fault.ageHeader && !(cached.fault.bypassable && asksAnew)) {
    const ageMs = cached.fault.frozen ? preciseNowMs() - cached.sinceMs : cached.fault.delayMs;
    headers['age'] = String(Math.ceil(ageMs / 1000));
  }
  return headers;
};

/** The informational statuses that precede the answer. */
export const informationalOf = (views: readonly View[]): number[] => {
  const fault = findView(views, 'inform')?.fault;
  if (!fault) return [];
  return fault.both ? [103, 100] : [fault.status ?? 100];
};

/** The current time according to the clock of the server. */
export const skewedNowMs = (views: readonly View[]): number =>
  Date.now() + (findView(views, 'skewDate')?.fault.skewMs ?? 0);
