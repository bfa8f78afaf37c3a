import type { HeldOrg, RekeyClient } from '@rekey/client';
import { number } from './bulk/bulk-output.ts';
import { confirm } from './confirm.ts';
import { CliError } from './failure.ts';
import { isoTime, table } from './output/output.ts';

/**
 * What becomes of the assistants of a held org if an operator accepts what Invent shows; by why it is held.
 */
const consequences: Record<string, (held: HeldOrg) => string> = {
  TOO_MANY_GONE: ({ affectedCount }) =>
    `At least ${number(affectedCount)} assistants are published as deleted, if Invent still says so twice: consumers drop their keys.`,
  TOO_MANY_WITHOUT_KEY: ({ affectedCount }) =>
    `At least ${number(affectedCount)} assistants are published as without a key, if Invent still says so twice: consumers drop their keys.`,
  TOO_MANY_CHANGED: ({ affectedCount }) =>
    `At least ${number(affectedCount)} assistants are published with the keys that Invent shows now: consumers sign with them.`,
  ORG_CHANGED: ({ knownCount }) =>
    `All ${number(knownCount)} known assistants are published as deleted, if Invent still says so twice: consumers drop their keys. Those that Invent lists now are imported.`,
  KEYS_NOT_SHOWN: () =>
    'The org is compared again. Keys that are masked, or the same for several assistants, are not published in any case.',
};

/** In a sentence. A reason of a later version is unknown here. */
const consequenceOf = (held: HeldOrg): string =>
  (consequences[held.reason] ?? (() => 'What Invent shows of the org now is published, including removals.'))(
    held,
  );

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
 * Shows an operator what is held and what accepting it does, and asks. Of an org that is not held nothing is
 * asked: the gateway refuses it, unless this repeats a command whose answer was lost. Throws if the operator
 * says no, or if it got worse while the question was open.
 */
export const confirmAcceptance = async (
  client: Pick<RekeyClient, 'getStatus'>,
  orgId: string,
  options: { yes?: boolean },
): Promise<void> => {
  const look = async (): Promise<HeldOrg | undefined> => {
    const { heldOrgs, orgAlias } = await client.getStatus();
    const name = orgId === 'c' && orgAlias?.orgId ? orgAlias.orgId : orgId;
    return heldOrgs.find((held) => held.orgId === name);
  };
  const held = await look();
  if (!held) return;
  process.stderr.write(`${heldOrgText(held)}\n`);
  await confirm(`Accept what Invent shows of ${held.orgId}?`, options);
  const now = options.yes ? held : await look();
  if (now && isWorse(now, held))
    throw new CliError(
      `More is held by now: ${now.reason}, ${now.affectedCount} assistants. Nothing was done. Repeat the command to look again.`,
      'HOLD_CHANGED',
    );
};
