import { concerns, type View } from '../faults/faults.ts';
import { unchangedState } from '../world/assistants.ts';
import { recordAsOf, renderRecord } from '../world/record.ts';
import { preciseNowMs } from '../world/state.ts';
import type { World } from '../world/world.ts';

type Shown = Record<string, unknown>;

/**
 * Applies the views that match a request to a record (see fault.ts). Their order is fixed, so that it does
 * not matter in which order they were scripted: first the age of the record, then the hidden key.
 */
export const showRecord = (
  world: World,
  views: readonly View[],
  id: string,
  record: Shown,
  asksAnew: boolean,
): Shown => {
  const seen = views
    .filter(({ fault }) => concerns(fault, id))
    .reduce((shown, view) => applyCache(world, view, id, shown, asksAnew), record);
  return views
    .filter(({ fault }) => fault.kind === 'hideKey' && concerns(fault, id))
    .reduce((shown, view) => hideKey(world, view, id, shown), seen);
};

const applyCache = (
  world: World,
  { fault, sinceMs }: View,
  id: string,
  record: Shown,
  asksAnew: boolean,
): Shown => {
  if (fault.kind !== 'cachedRead' || (fault.bypassable && asksAnew)) return record;
  const then = world.asOf(id, fault.frozen ? sinceMs : preciseNowMs() - fault.delayMs);
  return then ? recordAsOf(record, then) : record;
};

const hideKey = (world: World, { fault }: View, id: string, record: Shown): Shown => {
  const { secret_key: key, ...without } = record;
  switch (fault.as) {
    case 'absent':
      return without;
    case 'null':
      return { ...record, secret_key: null };
    case 'empty':
      return { ...record, secret_key: '' };
    case 'stars':
      return { ...record, secret_key: 'sk_***' };
    case 'tail':
      return { ...record, secret_key: typeof key === 'string' ? `sk_…${key.slice(-4)}` : key };
    case 'constant':
      return { ...record, secret_key: world.decoyKey('of all') };
    case 'other':
      return { ...record, secret_key: world.decoyKey(`of ${id}`) };
  }
};

/** The record of an id, even of one that exists only in the list. */
export const recordOf = (world: World, id: string, otherKey: boolean): Shown => {
  const state = world.find(id);
  if (state)
    return { ...renderRecord(id, state), ...(otherKey && { secret_key: world.decoyKey(`second of ${id}`) }) };
  const secretKey = world.decoyKey(`listed ${id}`);
  return renderRecord(id, unchangedState('', secretKey));
};
