import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayClient, ProtoBulkRotation } from '@rekey/rpc';
import { ORG } from './system.ts';

const IDS_PER_MESSAGE = 2000;

/** Requests a bulk rotation of these assistants. */
export const createBulkOf = (
  client: GatewayClient,
  assistantIds: readonly string[],
  more: { canary?: { count: number } } = {},
): Promise<ProtoBulkRotation> => {
  const messages = function* () {
    yield { orgId: ORG, reason: 'bench', ...more };
    for (let from = 0; from < assistantIds.length; from += IDS_PER_MESSAGE)
      yield { assistantIds: assistantIds.slice(from, from + IDS_PER_MESSAGE) };
  };
  return client.createBulkRotation(messages());
};

/** Resolves with the bulk once it is in one of these states. Rejects if it halts or fails. */
export const waitForBulk = async (
  client: GatewayClient,
  id: string,
  states: ProtoBulkRotation['state'][],
  everyMs = 20,
): Promise<ProtoBulkRotation> => {
  for (;;) {
    const bulk = await client.getBulkRotation({ id });
    if (states.includes(bulk.state)) return bulk;
    if (bulk.state === 'HALTED' || bulk.state === 'FAILED')
      throw new Error(`the bulk rotation is ${bulk.state}: ${bulk.stop?.reason}`);
    await sleep(everyMs);
  }
};
