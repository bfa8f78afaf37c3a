import type { RekeyClient } from '@rekey/client';
import { confirm } from '../confirm.ts';
import { printable } from '../output/escape.ts';
import { number } from './bulk-output.ts';
import type { BulkWish } from './bulk-request.ts';
import { readIds } from './ids-file.ts';

const BATCH_BYTES = 1_000_000;
const COUNT_WITHIN_MS = 3000;

const countIds = async (path: string): Promise<number> => {
  const ids = new Set<string>();
  for await (const batch of readIds(path, { batchBytes: BATCH_BYTES })) for (const id of batch) ids.add(id);
  return ids.size;
};

/** How many assistants of the org Rekey knows; undefined if the gateway does not say so at once. */
const countKnown = async (client: RekeyClient, orgId: string): Promise<number | undefined> => {
  try {
    for await (const org of client.orgs({ deadlineMs: COUNT_WITHIN_MS }))
      if (org.orgId === orgId) return org.assistantCount;
    return undefined;
  } catch {
    return undefined;
  }
};

const plural = (count: number): string => `${number(count)} assistant${count === 1 ? '' : 's'}`;

const whatOf = async (client: RekeyClient, wish: BulkWish): Promise<string> => {
  const { org, idsFile, search, olderThan, rotatedBefore, excludeFile } = wish;
  // Standard input cannot be read twice, and nobody answers on it.
  if (idsFile === '-') return `the assistants of ${printable(org)} that standard input lists`;
  if (idsFile !== undefined) return `${plural(await countIds(idsFile))} of ${printable(org)}`;
  const known = await countKnown(client, org);
  const all = `of ${printable(org)}${known === undefined ? '' : ` (Rekey knows ${plural(known)})`}`;
  const hasFilter = [search, olderThan, rotatedBefore, excludeFile].some((filter) => filter !== undefined);
  return hasFilter ? `the assistants ${all} that the options select` : `ALL assistants ${all}`;
};

/** Asks before the keys of many assistants are replaced. */
export const confirmBulk = async (client: RekeyClient, wish: BulkWish & { yes?: boolean }): Promise<void> => {
  if (wish.yes) return;
  const first = wish.canary === undefined ? '' : ` It begins with ${plural(wish.canary)}.`;
  await confirm(
    `Rotate the keys of ${await whatOf(client, wish)}?${first} The old keys are invalid at once.`,
    wish,
  );
};
