import type { Fault } from '../faults/fault.ts';
import { recordAsOf, renderRecord } from '../world/record.ts';
import { preciseNowMs } from '../world/state.ts';
import type { World } from '../world/world.ts';

/** The record before a rotate takes effect, or `changesBack` changes earlier. */
export const recordBefore = (
  world: World,
  assistantId: string,
  { changesBack }: Fault,
): Record<string, unknown> => {
  const record = renderRecord(assistantId, world.find(assistantId)!);
  if (changesBack === 0) return record;
  const then = (world.history.get(assistantId) ?? []).at(-1 - changesBack);
  return then ? recordAsOf(record, then) : record;
};

/** The current record, or what the fault answers in its place. */
export const currentRecord = (
  world: World,
  assistantId: string,
  fault: Fault | undefined,
): Record<string, unknown> => {
  const state = world.find(assistantId)!;
  const record = renderRecord(assistantId, state);
  switch (fault?.kind) {
    case 'nullKey':
      return { ...record, secret_key: null };
    case 'staleRead':
      return { ...record, secret_key: state.previousKey };
    case 'laggingRead': {
      const then = world.asOf(assistantId, preciseNowMs() - fault.delayMs);
      return then ? recordAsOf(record, then) : record;
    }
    default:
      return record;
  }
};
