/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import type { Actor } from '@rekey/schema';
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface OrgAcceptInput {
  /** the held orgs */
  held: string;
  org: string;
  /** for how long */
  forMs: number;
  /** Who acts. */
  actor: Actor;
}
type OrgAcceptReply =
  /** also if it was accepted before and no sweep has ended that: the response, or the sweep, may have been lost */
  { kind: 'accepted' } | { kind: 'not-held' };
const readOrgAcceptReply = (reply: unknown[]): OrgAcceptReply => {
  switch (reply[0]) {
    case 'ACCEPTED':
      return { kind: 'accepted' };
    case 'NOT_HELD':
      return { kind: 'not-held' };
    default:
      throw unexpectedReply('org-accept', reply);
  }
};

interface OrgAdoptInput {
  /** the open rotations */
  open: string;
  /** the rotation id to continue after */
  after?: string | undefined;
  /** how many rotations to look at */
  count: number;
}
type OrgAdoptReply =
  /** `next`: the last id looked at, if there may be more */
  { kind: 'adopted'; next: string | undefined; renamed: number };
const readOrgAdoptReply = (reply: unknown[]): OrgAdoptReply => {
  switch (reply[0]) {
    case 'ADOPTED':
      return {
        kind: 'adopted',
        next: reply[1] === '' ? undefined : String(reply[1]),
        renamed: Number(reply[2]),
      };
    default:
      throw unexpectedReply('org-adopt', reply);
  }
};

interface OrgAliasInput {
  /** the ledger's own facts */
  ledger: string;
  /** the manifest */
  registry: string;
  org: string;
  /** how it is known */
  how: 'configured' | 'learned';
  /** the SHA-1 of the manifest as it was seen; `none` if there was none that can be read */
  seen: string;
  /** it proves the org */
  manifest: string;
}
type OrgAliasReply =
  | { kind: 'noted' }
  /** it was noted before */
  | { kind: 'known' }
  /** the manifest is not as it was seen: nothing was written */
  | { kind: 'changed' };
const readOrgAliasReply = (reply: unknown[]): OrgAliasReply => {
  switch (reply[0]) {
    case 'NOTED':
      return { kind: 'noted' };
    case 'KNOWN':
      return { kind: 'known' };
    case 'CHANGED':
      return { kind: 'changed' };
    default:
      throw unexpectedReply('org-alias', reply);
  }
};

interface OrgHoldInput {
  /** the held orgs */
  held: string;
  org: string;
  /** why */
  code: string;
  /** how many assistants are affected */
  affected: number;
  /** how many were known */
  known: number;
}
type OrgHoldReply =
  | { kind: 'held' }
  /** since when stays */
  | { kind: 'held-already' }
  /** an operator has accepted it meanwhile: nothing was written */
  | { kind: 'accepted' };
const readOrgHoldReply = (reply: unknown[]): OrgHoldReply => {
  switch (reply[0]) {
    case 'HELD':
      return { kind: 'held' };
    case 'HELD_ALREADY':
      return { kind: 'held-already' };
    case 'ACCEPTED':
      return { kind: 'accepted' };
    default:
      throw unexpectedReply('org-hold', reply);
  }
};

interface OrgLimitsInput {
  heldOrgs: string;
  org: string;
  /** the share of its assistants that may change */
  percent: number;
}
type OrgLimitsReply =
  /** `changed`: lately. `held`: why the org is held. `accepted`: an operator has accepted what reads say */
  {
    kind: 'limits';
    known: number;
    limit: number;
    changed: number;
    held: string | undefined;
    accepted: boolean;
  };
const readOrgLimitsReply = (reply: unknown[]): OrgLimitsReply => {
  switch (reply[0]) {
    case 'LIMITS':
      return {
        kind: 'limits',
        known: Number(reply[1]),
        limit: Number(reply[2]),
        changed: Number(reply[3]),
        held: reply[4] === '' ? undefined : String(reply[4]),
        accepted: reply[5] === '1',
      };
    default:
      throw unexpectedReply('org-limits', reply);
  }
};

interface OrgSweptInput {
  /** the held orgs */
  held: string;
  org: string;
  /** the sweep was of this org alone and left nothing open: what an operator has accepted is done */
  settled: boolean;
}
type OrgSweptReply = { kind: 'swept'; wasHeld: boolean };
const readOrgSweptReply = (reply: unknown[]): OrgSweptReply => {
  switch (reply[0]) {
    case 'SWEPT':
      return { kind: 'swept', wasHeld: reply[1] === '1' };
    default:
      throw unexpectedReply('org-swept', reply);
  }
};

/**
 * The commands of orgs/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const orgsCommands = (run: RunCommand) => ({
  /**
   * An operator accepts what reads say of a held org: for a time it has no limit for changes of the kind that
   * it is held for. What was accepted before, and is not done yet, stays accepted.
   */
  orgAccept: async (input: OrgAcceptInput): Promise<OrgAcceptReply> =>
    readOrgAcceptReply(
      await run(
        'org-accept',
        [input.held],
        [
          input.org,
          input.forMs,
          input.actor.by,
          input.actor.also ?? '',
          input.actor.request ?? '',
          input.actor.trace ?? '',
        ],
      ),
    ),
  /**
   * Renames open rotations that were asked for under `c` to the org that `c` stands for, and the fields that
   * say that they are queued.
   *
   * Keeps: a rotation and the field of its assistant that says that it is queued have the same org. Of two
   * rotations that are queued for one assistant, under `c` and under its real name, later requests are answered
   * with the second.
   */
  orgAdopt: async (input: OrgAdoptInput): Promise<OrgAdoptReply> =>
    readOrgAdoptReply(await run('org-adopt', [input.open], [input.after ?? '', input.count])),
  /**
   * Notes which org `c` stands for, and renames what the ledger keeps under `c` that is small: the budget of
   * unknown outcomes, drift, holds, bulk rotations, policies, a queued sweep. Rotations are renamed by
   * org-adopt.lua, key versions by checks.
   *
   * Keeps: `c` gets its meaning once: the registry's manifest proves it, and what stands in the ledger without
   * a proof is replaced. From this command on all others translate it (`org_name`). It raises the
   * revision of the consumers, so that a worker that sealed an event under `c` seals it again.
   */
  orgAlias: async (input: OrgAliasInput): Promise<OrgAliasReply> =>
    readOrgAliasReply(
      await run(
        'org-alias',
        [input.ledger, input.registry],
        [input.org, input.how, input.seen, input.manifest],
      ),
    ),
  /**
   * Holds an org: nothing that reads say of it is published except what agrees with the ledger.
   */
  orgHold: async (input: OrgHoldInput): Promise<OrgHoldReply> =>
    readOrgHoldReply(
      await run('org-hold', [input.held], [input.org, input.code, input.affected, input.known]),
    ),
  /**
   * How much of an org may change before an operator decides, and how much has changed.
   */
  orgLimits: async (input: OrgLimitsInput): Promise<OrgLimitsReply> =>
    readOrgLimitsReply(await run('org-limits', [input.heldOrgs], [input.org, input.percent])),
  /**
   * Ends a sweep of an org that found what is known of it. The org is no longer held, and later changes are
   * compared with what is known now.
   */
  orgSwept: async (input: OrgSweptInput): Promise<OrgSweptReply> =>
    readOrgSweptReply(await run('org-swept', [input.held], [input.org, input.settled ? '1' : ''])),
});
