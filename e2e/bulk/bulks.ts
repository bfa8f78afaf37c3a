import type { BulkRotation, CreateBulkRotationRequest } from '@rekey/client';
import { eventually, type System } from '../support/system.ts';

export interface Bulks {
  create(request: CreateBulkRotationRequest): Promise<BulkRotation>;
  /** Waits for an end state. */
  ended(bulk: { id: string }, withinMs?: number): Promise<BulkRotation>;
  until(id: string, good: (bulk: BulkRotation) => boolean): Promise<BulkRotation>;
  /** Assistant, state and failure reason of the items, all or in one state. */
  items(
    id: string,
    state?: 'CANCELLED' | 'FAILED',
  ): Promise<[assistantId: string, state: string, reason: string][]>;
}

const endStates = new Set(['COMPLETED', 'FAILED', 'CANCELLED', 'VALIDATED']);

export const bulksOf = ({ client }: Pick<System, 'client'>): Bulks => {
  const until: Bulks['until'] = (id, good) => eventually(() => client.getBulkRotation(id), good, 30_000);
  return {
    create: (request) => client.createBulkRotation(request),
    ended: ({ id }, withinMs = 40_000) =>
      eventually(
        () => client.getBulkRotation(id),
        ({ state }) => endStates.has(state),
        withinMs,
      ),
    until,
    items: async (id, state) => {
      const { items } = await client.listBulkRotationItems({ id, pageSize: 1000, ...(state && { state }) });
      return items.map((item) => [item.assistantId, item.state, item.error?.reason ?? '']);
    },
  };
};
