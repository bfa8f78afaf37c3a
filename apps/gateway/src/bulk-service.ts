import type { BulkDraft, Bulks } from '@rekey/ledger';
import {
  toProtoBulkItem,
  toProtoBulkRotation,
  type BulkRotationServiceHandlers,
  type CreateBulkRotationRequest__Output,
} from '@rekey/rpc';
import { nextUlid } from '@rekey/runtime';
import { BulkId, RekeyError, type BulkRotation, type BulkSpec, type ErrorCode } from '@rekey/schema';
import { z } from 'zod';
import type { BulkWatches } from './bulk-watches.ts';
import type { ConsumersReach } from './consumer-reach.ts';
import type { Liveness } from './liveness.ts';
import { makePageToken, readPageToken } from './page-token.ts';
import * as requests from './requests.ts';
import type { ServiceMethod, StreamingMethods } from './service-method.ts';

export interface BulkServiceDeps {
  bulks: Bulks;
  bulkWatches: BulkWatches;
  reach: ConsumersReach;
  liveness: Liveness;
  /** Why nothing new is accepted at present; undefined where nothing is in its way. */
  holdBack: () => ErrorCode | undefined;
  /**
   * Resolves with true when what was written is as durable as Redis is told to make it; only then is a bulk
   * rotation answered.
   */
  confirmDurable: () => Promise<boolean>;
}

const ItemIndex = z
  .string()
  .regex(/^\d{1,7}$/)
  .transform(Number);

export const createBulkService = (
  method: ServiceMethod,
  streaming: StreamingMethods,
  { bulks, bulkWatches, reach, liveness, holdBack, confirmDurable }: BulkServiceDeps,
): BulkRotationServiceHandlers => {
  /** Fills a draft from a stream. Waiting for the ledger is what slows down a caller that is faster. */
  const fill = async (
    draft: BulkDraft,
    messages: AsyncIterable<CreateBulkRotationRequest__Output>,
    signal: AbortSignal,
  ): Promise<BulkSpec> => {
    const reader = requests.bulkReader();
    for await (const message of messages) {
      await reach.demand(reader.read(message), signal);
      const refusal = holdBack();
      if (refusal !== undefined) throw new RekeyError(refusal);
      if (message.assistantIds.length > 0) await draft.add(message.assistantIds);
      if (message.excludeAssistantIds.length > 0) await draft.exclude(message.excludeAssistantIds);
    }
    return reader.end();
  };

  /** One of the methods that change a bulk's state; all are safe to repeat. */
  const change = (command: (id: string) => Promise<BulkRotation>) =>
    method(async (request) => {
      const { id } = requests.parseRequest(requests.ByBulk, request);
      return answer(await command(id));
    });

  const answer = async (bulk: BulkRotation) => {
    if (!(await confirmDurable())) throw new RekeyError('REPLICAS_MISSING');
    return shown(bulk);
  };

  const shown = async (bulk: BulkRotation) =>
    toProtoBulkRotation({ ...bulk, noLiveWorker: await liveness.noLiveWorker() }, await reach.ofBulk(bulk));

  return {
    CreateBulkRotation: streaming.clientStreaming(async (messages, { signal }) => {
      const draft = bulks.draft(`blk_${nextUlid()}`);
      const spec = await fill(draft, messages, signal).catch(async (error: unknown) => {
        // Where Redis cannot be reached any more, what there is of it goes by itself within the hour.
        await draft.drop().catch(() => {});
        throw error;
      });
      // Not dropped from here on: when an answer is lost, the draft may be a bulk by now.
      const { bulk } = await bulks.create(draft.id, spec, draft);
      // Also for one that was there already: the answer before may have been this refusal.
      return answer(bulk);
    }),

    GetBulkRotation: method(async (request) => {
      const { id } = requests.parseRequest(requests.ByBulk, request);
      return shown(await bulks.get(id));
    }),

    ListBulkRotations: method(async (request) => {
      const { pageSize, pageToken, ...filter } = requests.parseRequest(requests.ListBulks, request);
      const given = requests.given(filter);
      const after = readPageToken(pageToken, given, BulkId);
      const page = await bulks.list(given, { size: pageSize, ...requests.given({ after }) });
      return {
        bulkRotations: page.bulks.map((bulk) => toProtoBulkRotation(bulk)),
        nextPageToken: page.next === undefined ? '' : makePageToken(page.next, given),
      };
    }),

    WatchBulkRotation: streaming.serverStreaming(async function* (request, { signal }) {
      const { id, untilStopped } = requests.parseRequest(requests.WatchBulk, request);
      for await (const bulk of bulkWatches.watch(id, { untilStopped, signal })) yield shown(bulk);
    }),

    PauseBulkRotation: change((id) => bulks.pause(id)),
    ResumeBulkRotation: change((id) => bulks.resume(id)),
    CancelBulkRotation: change((id) => bulks.cancel(id)),
    RetryBulkRotation: change((id) => bulks.retry(id)),

    ListBulkRotationItems: method(async (request) => {
      const { id, pageSize, pageToken, ...filter } = requests.parseRequest(requests.ListBulkItems, request);
      const given = requests.given(filter);
      const from = readPageToken(pageToken, { id, ...given }, ItemIndex) ?? 0;
      const page = await bulks.items(id, given, { size: pageSize, from });
      return {
        items: page.items.map(toProtoBulkItem),
        nextPageToken: page.next === undefined ? '' : makePageToken(page.next, { id, ...given }),
      };
    }),
  };
};
