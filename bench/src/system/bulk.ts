import { setTimeout as sleep } from 'node:timers/promises';
import type { BulkRotation, RekeyClient } from '@rekey/client';
import { ORG } from './system.ts';

/** Requests a bulk rotation of these assistants. */
export const createBulkOf = (
  client: RekeyClient,
  assistantIds: readonly string[],
  more: { canary?: { count: number; continues: boolean } } = {},
): Promise<BulkRotation> => client.createBulkRotation({ orgId: ORG, reason: 'bench', assistantIds, ...more });

/** Resolves with the bulk once it is in one of these states. Rejects if it halts or fails. */
export const waitForBulk = async (
  client: RekeyClient,
  id: string,
  states: BulkRotation['state'][],
  everyMs = 20,
): Promise<BulkRotation> => {
  for (;;) {
    const bulk = await client.getBulkRotation(id);
    if (states.includes(bulk.state)) return bulk;
    if (bulk.state === 'HALTED' || bulk.state === 'FAILED')
      throw new Error(`the bulk rotation is ${bulk.state}: ${bulk.stop?.reason}`);
    await sleep(everyMs);
  }
};
