import type { HeldOrg, RekeyClient } from '@rekey/client';
import { number } from './bulk/bulk-output.ts';
import { confirm } from './confirm.ts';
import { CliError } from './failure.ts';
import { isoTime, table } from './output/output.ts';

const TWICE = 'if Invent confirms it twice';

/** By the reason of the hold: what Rekey publishes if an operator accepts the state at Invent. */
const consequences: Record<string, (held: HeldOrg) => string> = {
  TOO_MANY_GONE: ({ affectedCount }) =>
    `At least ${number(affectedCount)} assistants are published as deleted, ${TWICE}. ` +
    'Consumers drop their keys.',
  TOO_MANY_WITHOUT_KEY: ({ affectedCount }) =>
    `At least ${number(affectedCount)} assistants are published as without a key, ${TWICE}. ` +
    'Consumers drop their keys.',
  TOO_MANY_CHANGED: ({ affectedCount }) =>
    `At least ${number(affectedCount)} assistants are published with the keys that Invent shows now. ` +
    'Consumers sign with these keys.',
  ORG_CHANGED: ({ knownCount }) =>
    `All ${number(knownCount)} known assistants are published as deleted, ${TWICE}. ` +
    'Consumers drop their keys. The assistants that Invent lists now are imported.',
  KEYS_NOT_SHOWN: () =>
    'The org is compared again. Keys that are masked, or shared by several assistants, are never published.',
};

/** A later version may have reasons that are unknown here. */
const consequenceOf = (held: HeldOrg): string =>
  consequences[held.reason]?.(held) ?? 'Changes of this kind are published as Invent shows them.';

const heldOrgText = (held: HeldOrg): string =>
  table([
    ['org', held.orgId],
    ['held since', isoTime(held.sinceTime)],
    ['reason', held.reason],
    [
      'affected',
      held.affectedCount > 0
        ? `${number(held.affectedCount)} of ${number(held.knownCount)} known assistants`
        : undefined,
    ],
    ['then', consequenceOf(held)],
  ]);

const isWorse = (now: HeldOrg, before: HeldOrg): boolean =>
  now.reason !== before.reason || now.affectedCount > before.affectedCount;

/**
 * Shows the hold of an org and what accepting it does, and asks the operator. Does not ask if the org is not
 * on hold: the gateway then refuses the request, unless it repeats a command whose response was lost. Throws
 * if the operator declines, or if the hold grew while the question was open.
 */
export const confirmAcceptance = async (
  client: Pick<RekeyClient, 'getStatus'>,
  orgId: string,
  options: { yes?: boolean },
): Promise<void> => {
  const readHold = async (): Promise<HeldOrg | undefined> => {
    const { heldOrgs, orgAlias } = await client.getStatus();
    const name = orgId === 'c' && orgAlias?.orgId ? orgAlias.orgId : orgId;
    return heldOrgs.find((held) => held.orgId === name);
  };
  const held = await readHold();
  if (!held) return;
  process.stderr.write(`${heldOrgText(held)}\n`);
  await confirm(`Accept the current state of ${held.orgId} at Invent?`, options);
  const now = options.yes ? held : await readHold();
  if (now && isWorse(now, held))
    throw new CliError(
      `The hold has grown: ${now.reason}, ${now.affectedCount} assistants. Nothing was changed. ` +
        'Repeat the command to review it.',
      'HOLD_CHANGED',
    );
};
