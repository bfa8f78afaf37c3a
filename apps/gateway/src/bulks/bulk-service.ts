import type { BulkDraft, Bulks } from '@rekey/ledger';
import { toProtoBulkItem, toProtoBulkRotation } from '@rekey/rpc';
import { nextUlid } from '@rekey/runtime';
import { BulkId, mayRead, type Actor, type BulkItem, type BulkRotation, type BulkSpec } from '@rekey/schema';
import { z } from 'zod';
import type { Acknowledgements } from '../consumers/acknowledgements.ts';
import type { WorkerLiveness } from '../health/worker-liveness.ts';
import type { Permission } from '@rekey/access';
import {
  defineClientStreamRpc,
  defineRpc,
  defineServerStreamRpc,
  inItsOrg,
  type RpcContext,
  type RpcTable,
} from '../pipeline/rpc.ts';
import { makePageToken, placeOfPage, readPageToken } from '../requests/page-token.ts';
import { given } from '../requests/parse-request.ts';
import { ByBulk, ListBulkItems, ListBulks, WatchBulk, bulkReader, type BulkPart } from './bulk-requests.ts';
import type { BulkWatches } from './bulk-watches.ts';
import type { UploadIds } from './upload-ids.ts';

export interface BulkServiceDeps {
  bulks: Bulks;
  bulkWatches: BulkWatches;
  acknowledgements: Acknowledgements;
  liveness: WorkerLiveness;
  uploadIds: UploadIds;
}

const ItemIndex = z
  .string()
  .regex(/^\d{1,7}$/)
  .transform(Number);

/** Fills a draft from a stream. Waiting for the ledger slows down a caller that sends faster. */
const fillDraft = async (
  draft: BulkDraft,
  parts: AsyncIterable<BulkPart>,
  countIds: (count: number) => void,
  requireConsumers: (names: readonly string[], orgId: string) => Promise<void>,
): Promise<BulkSpec> => {
  let spec: BulkSpec | undefined;
  for await (const part of parts) {
    spec ??= part.spec;
    countIds(part.assistantIds.length + part.excludeAssistantIds.length);
    if (part.spec) await requireConsumers(part.requireConsumers ?? [], part.spec.orgId);
    if (part.assistantIds.length > 0) await draft.add(part.assistantIds);
    if (part.excludeAssistantIds.length > 0) await draft.exclude(part.excludeAssistantIds);
  }
  return spec!;
};

const createBulk = async (
  { bulks, acknowledgements, uploadIds }: Pick<BulkServiceDeps, 'bulks' | 'acknowledgements' | 'uploadIds'>,
  parts: AsyncIterable<BulkPart>,
  { signal, sees, actor, caller }: Pick<RpcContext, 'signal' | 'sees' | 'actor' | 'caller'>,
): Promise<BulkRotation> => {
  const draft = bulks.draft(`blk_${nextUlid()}`);
  // Those that may read the org are also in the acknowledgements of its rotations.
  const requireConsumers = (names: readonly string[], orgId: string) =>
    acknowledgements.require(names, signal, (one) => mayRead(one, orgId) || one.orgs.every(sees));
  const stopped = Promise.withResolvers<never>();
  const ids = uploadIds(caller.name, stopped.reject);
  try {
    const filled = fillDraft(draft, parts, ids.add, requireConsumers);
    const spec = await Promise.race([filled, stopped.promise]).catch(async (error: unknown) => {
      // If Redis is unreachable by now, the draft expires within an hour.
      await draft.drop().catch(() => {});
      throw error;
    });
    // Never dropped from here on: even if the answer is lost, the draft may have become a bulk rotation.
    const { bulk } = await bulks.create(draft.id, spec, draft, actor);
    return bulk;
  } finally {
    ids.end();
  }
};

const listBulks = async (
  bulks: Bulks,
  { pageSize, pageToken, ...fields }: z.output<typeof ListBulks>,
  sees: (orgId: string) => boolean,
): Promise<{ bulks: BulkRotation[]; nextPageToken: string }> => {
  const filter = given(fields);
  const after = readPageToken(pageToken, filter, BulkId);
  const page = await bulks.list(filter, { size: pageSize, sees, ...given({ after }) });
  return {
    bulks: page.bulks,
    nextPageToken: makePageToken(placeOfPage(page.next, page.bulks, after), filter),
  };
};

const listItems = async (
  bulks: Bulks,
  { id, pageSize, pageToken, ...fields }: z.output<typeof ListBulkItems>,
): Promise<{ items: BulkItem[]; nextPageToken: string }> => {
  const filter = given(fields);
  const from = readPageToken(pageToken, { id, ...filter }, ItemIndex) ?? 0;
  const page = await bulks.items(id, filter, { size: pageSize, from });
  return { items: page.items, nextPageToken: makePageToken(page.next, { id, ...filter }) };
};

export const createBulkService = ({
  bulks,
  bulkWatches,
  acknowledgements,
  liveness,
  uploadIds,
}: BulkServiceDeps): RpcTable['BulkRotationService'] => {
  const toResponse = async (bulk: BulkRotation) =>
    toProtoBulkRotation(
      { ...bulk, noLiveWorker: await liveness.noLiveWorker() },
      await acknowledgements.ofBulk(bulk),
    );

  const ofBulk = inItsOrg((id) => bulks.get(id), 'BULK_NOT_FOUND');
  /** A method that changes the state of a bulk rotation. All of these are safe to repeat. */
  const transition = (permission: Permission, command: (id: string, actor: Actor) => Promise<BulkRotation>) =>
    defineRpc({
      request: ByBulk,
      permission,
      ...ofBulk,
      effect: 'durable-change',
      handler: ({ id }, { actor }) => command(id, actor),
      respond: toResponse,
    });

  return {
    CreateBulkRotation: defineClientStreamRpc({
      request: bulkReader,
      permission: 'bulkRotations.create',
      orgs: 'request',
      effect: 'accept',
      handler: (parts, context) => createBulk({ bulks, acknowledgements, uploadIds }, parts, context),
      respond: toResponse,
    }),

    GetBulkRotation: defineRpc({
      request: ByBulk,
      permission: 'bulkRotations.read',
      ...ofBulk,
      effect: 'read',
      handler: ({ id }) => bulks.get(id),
      respond: toResponse,
    }),

    ListBulkRotations: defineRpc({
      request: ListBulks,
      permission: 'bulkRotations.read',
      orgs: 'listed',
      effect: 'read',
      handler: (request, { sees }) => listBulks(bulks, request, sees),
      respond: (page) => ({
        bulkRotations: page.bulks.map((bulk) => toProtoBulkRotation(bulk)),
        nextPageToken: page.nextPageToken,
      }),
    }),

    WatchBulkRotation: defineServerStreamRpc({
      request: WatchBulk,
      permission: 'bulkRotations.read',
      ...ofBulk,
      effect: 'read',
      handler: ({ id, untilStopped }, { signal }) => bulkWatches.watch(id, { untilStopped, signal }),
      respond: toResponse,
    }),

    PauseBulkRotation: transition('bulkRotations.control', (id, actor) => bulks.pause(id, actor)),
    ResumeBulkRotation: transition('bulkRotations.control', (id, actor) => bulks.resume(id, actor)),
    CancelBulkRotation: transition('bulkRotations.control', (id, actor) => bulks.cancel(id, actor)),
    RetryBulkRotation: transition('bulkRotations.retry', (id, actor) => bulks.retry(id, actor)),

    ListBulkRotationItems: defineRpc({
      request: ListBulkItems,
      permission: 'bulkRotations.read',
      ...ofBulk,
      effect: 'read',
      handler: (request) => listItems(bulks, request),
      respond: ({ items, nextPageToken }) => ({ items: items.map(toProtoBulkItem), nextPageToken }),
    }),
  };
};
