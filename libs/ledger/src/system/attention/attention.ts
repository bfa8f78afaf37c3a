import { attentionCodes, type Attention } from '@rekey/schema';
import { archiveItems } from './archive-items.ts';
import type { SystemFacts } from './facts.ts';
import { gatewayItems } from './gateway-items.ts';
import { brakeItems, ledgerItems, processItems, redisItems } from './ledger-items.ts';
import { consumerItems, orgItems, policyItems, unreadableItems } from './org-items.ts';
import { bulkItems, doubtItems, rotationItems } from './rotation-items.ts';
import { registryItems } from './registry-items.ts';
import { sweepItems } from './sweep-items.ts';

const sources = [
  ledgerItems,
  processItems,
  redisItems,
  gatewayItems,
  brakeItems,
  orgItems,
  bulkItems,
  rotationItems,
  doubtItems,
  unreadableItems,
  policyItems,
  sweepItems,
  registryItems,
  consumerItems,
  archiveItems,
];

/**
 * What needs an operator, most urgent first. Only this function decides it: `rekey status`, its exit code,
 * the contract and the metrics show what it returns.
 */
export const attentionOf = (facts: SystemFacts): Attention[] => {
  const rank = new Map(attentionCodes.map((code, i) => [code, i]));
  return sources
    .flatMap((itemsOf) => itemsOf(facts))
    .map((item, i) => ({ item, i }))
    .toSorted((a, b) => rank.get(a.item.code)! - rank.get(b.item.code)! || a.i - b.i)
    .map(({ item }) => item);
};
