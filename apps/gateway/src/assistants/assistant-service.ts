import {
  prepare,
  toProtoAssistant,
  toProtoHolder,
  toProtoKeyVersion,
  toProtoOrg,
  toProtoSummary,
  type ListAssistantsResponse,
} from '@rekey/rpc';
import type { Ledger } from '@rekey/ledger';
import { CurrentEvent, KeyUncertain, RekeyError } from '@rekey/schema';
import { defineRpc, type RpcTable } from '../pipeline/rpc.ts';
import { shareReads } from '../shared/share-reads.ts';
import { ByAssistant, ListAssistants, ListOrgs } from './assistant-requests.ts';
import { holdersOf, type HolderDeps } from './key-holders.ts';
import { versionsOf } from './key-versions.ts';
import { listAssistants, type ListDeps } from './list-assistants.ts';
import { listOrgs } from './list-orgs.ts';
import { orgOfRecord, parseEvent } from './published-record.ts';

export interface AssistantServiceDeps extends Omit<ListDeps, 'ledger'>, Omit<HolderDeps, 'registry'> {
  ledger: Pick<Ledger, 'assistants' | 'listing' | 'registry' | 'system'>;
}

/** Another client can add a hundred thousand orgs: not every call holds them while it waits for the rest. */
const sharingOrgs = (deps: AssistantServiceDeps): (() => ListDeps) => {
  const read = shareReads(() => deps.ledger.listing.orgIds(), 1);
  return () => {
    const { listing, registry, system } = deps.ledger;
    const sharing: typeof listing = Object.create(listing, { orgIds: { value: () => read('') } });
    return { ...deps, ledger: { listing: sharing, registry, system } };
  };
};

export const createAssistantService = (deps: AssistantServiceDeps): RpcTable['AssistantService'] => {
  const { ledger } = deps;
  const listDeps = sharingOrgs(deps);
  const read = async (assistantId: string) => {
    const current = await ledger.assistants.current(assistantId);
    if (current === undefined) throw new RekeyError('ASSISTANT_NOT_KNOWN');
    return current;
  };
  const ofAssistant = {
    orgs: 'loaded',
    load: async ({ assistantId }: { assistantId: string }) => [orgOfRecord((await read(assistantId)).event)],
    notFound: 'ASSISTANT_NOT_KNOWN',
  } as const;

  return {
    GetAssistant: defineRpc({
      request: ByAssistant,
      permission: 'assistants.read',
      ...ofAssistant,
      effect: 'read',
      handler: async ({ assistantId }) => {
        // Asked for together: many calls would hold long records while they wait for the rest.
        const [current, listed, history] = await Promise.all([
          read(assistantId),
          ledger.listing.get(assistantId),
          ledger.listing.history(assistantId),
        ]);
        return { ...current, listed, history };
      },
      respond: async ({ event, uncertain, listed, history }) => {
        const uncertainMs =
          uncertain === undefined ? undefined : Date.parse(parseEvent(KeyUncertain, uncertain).time);
        const holders = listed
          ? await holdersOf({ ...deps, registry: ledger.registry }, listed, history)
          : [];
        return {
          ...toProtoAssistant(parseEvent(CurrentEvent, event), uncertainMs, {
            orgId: orgOfRecord(event),
            keyMs: listed?.keyMs,
          }),
          holders: holders.map(toProtoHolder),
        };
      },
    }),

    ListAssistants: defineRpc({
      request: ListAssistants,
      permission: 'assistants.read',
      orgs: 'listed',
      effect: 'read',
      handler: (request, context) => listAssistants(listDeps(), request, context),
      respond: ({ assistants, ...page }) =>
        prepare<ListAssistantsResponse>({ assistants: assistants.map(toProtoSummary), ...page }),
    }),

    ListKeyVersions: defineRpc({
      request: ByAssistant,
      permission: 'assistants.read',
      ...ofAssistant,
      effect: 'read',
      handler: async ({ assistantId }, { sees }) =>
        versionsOf(await ledger.listing.history(assistantId), await read(assistantId)).filter(
          // Who rotated it in another org is seen only by those who see that org.
          ({ orgId }) => orgId === undefined || sees(orgId),
        ),
      respond: (versions) => ({ versions: versions.map(toProtoKeyVersion) }),
    }),

    ListOrgs: defineRpc({
      request: ListOrgs,
      permission: 'assistants.read',
      orgs: 'listed',
      effect: 'read',
      handler: (request, { sees }) => listOrgs(listDeps(), request, sees),
      respond: ({ orgs, ...page }) => ({ orgs: orgs.map(toProtoOrg), ...page }),
    }),
  };
};
