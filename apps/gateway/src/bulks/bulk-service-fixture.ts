import { EventEmitter } from 'node:events';
import { afterEach, beforeEach } from '@jest/globals';
import { ALL_RIGHTS } from '@rekey/access';
import type { BulkDraft, Bulks } from '@rekey/ledger';
import { loadContract, type ServiceHandlers } from '@rekey/rpc';
import { RekeyError, type BulkItem, type BulkRotation, type BulkSpec, type ErrorCode } from '@rekey/schema';
import type { Acknowledgements } from '../consumers/acknowledgements.ts';
import { OPEN_ACCESS } from '../access/guard-calls.ts';
import { limitsWith } from '../limits/limits-fixture.ts';
import { createHandlers } from '../pipeline/pipeline.ts';
import { connectRaw, type RawCalls } from '../pipeline/raw-calls-fixture.ts';
import { createServer, type GatewayServer } from '../pipeline/server.ts';
import { createBulkService } from './bulk-service.ts';
import { createBulkWatches, type BulkWatches } from './bulk-watches.ts';
import { createUploadIds } from './upload-ids.ts';

const counts = {
  total: 4,
  waiting: 4,
  rotating: 0,
  unknown: 0,
  succeeded: 0,
  shared: 0,
  failed: 0,
  cancelled: 0,
  valid: 0,
  duplicates: 0,
};
export const bulkOf = (id: string, spec: Partial<BulkSpec> = {}): BulkRotation => ({
  orgId: 'org_1',
  reason: '',
  selection: { kind: 'ids' },
  urgent: false,
  validateOnly: false,
  maxFailures: { percent: 5 },
  ...(spec as object),
  id,
  state: 'RUNNING',
  createdMs: 1,
  updatedMs: 1,
  counts,
  lastFailures: [],
});

interface FakeDraft extends BulkDraft {
  ids: string[];
  excluded: string[];
  dropped: boolean;
}

/** The ledger's port, in memory. Emits `add` and `drop` of drafts. */
const fakeBulks = () => {
  const drafts: FakeDraft[] = [];
  const created: { id: string; spec: BulkSpec; ids: string[]; excluded: string[] }[] = [];
  const known = new Map<string, BulkRotation>();
  const items: BulkItem[] = [];
  const events = new EventEmitter();
  let adding: () => Promise<void> = async () => {};
  let creating: () => Promise<void> = async () => {};
  const get = async (id: string) => {
    const bulk = known.get(id);
    if (!bulk) throw new RekeyError('BULK_NOT_FOUND');
    return structuredClone(bulk);
  };
  const bulks: Bulks = {
    draft: (id) => {
      const draft: FakeDraft = {
        id,
        ids: [],
        excluded: [],
        dropped: false,
        add: async (ids) => {
          draft.ids.push(...ids);
          events.emit('add', ids);
          await adding();
        },
        exclude: async (ids) => void draft.excluded.push(...ids),
        finish: async () => ({ total: draft.ids.length, duplicates: 0, excluded: 0, digest: '' }),
        drop: async () => {
          draft.dropped = true;
          events.emit('drop');
        },
      };
      drafts.push(draft);
      return draft;
    },
    create: async (id, spec, draft) => {
      await creating();
      const { ids, excluded } = draft as FakeDraft;
      created.push({ id, spec, ids, excluded });
      known.set(id, bulkOf(id, spec));
      return { bulk: known.get(id)!, created: true };
    },
    get,
    list: async (filter, { size, after }) => {
      events.emit('list', filter);
      const after1 = [...known.values()]
        .filter(({ id }) => after === undefined || id < after)
        .toSorted((a, b) => (a.id < b.id ? 1 : -1));
      const bulksOfPage = after1.slice(0, size);
      return { bulks: bulksOfPage, ...(after1.length > size && { next: bulksOfPage.at(-1)!.id }) };
    },
    items: async (id, { state }, { size, from }) => {
      await get(id);
      const page = items
        .slice(from, from + size)
        .filter((item) => state === undefined || item.state === state);
      return { items: page, ...(from + size < items.length && { next: from + size }) };
    },
    pause: get,
    resume: get,
    cancel: get,
    retry: get,
  };
  return {
    bulks,
    drafts,
    created,
    known,
    items,
    events,
    onAdd: (wait: () => Promise<void>) => (adding = wait),
    onCreate: (wait: () => Promise<void>) => (creating = wait),
  };
};

/** There are no consumers, and requiring one fails. */
const acknowledgements = {
  ofBulk: async () => [],
  require: async (names: readonly string[]) => {
    if (names.length > 0) throw new RekeyError('CONSUMERS_MISSING');
  },
} as unknown as Acknowledgements;

interface StartOptions {
  idleMs?: number;
  maxUploadIds?: number;
  /** Of the ids of one caller. */
  uploadShare?: number;
  keepAliveMs?: number;
  keepAliveTimeoutMs?: number;
}

/** The service behind a real gRPC server, with a client. */
interface BulkServiceFixture {
  fake: ReturnType<typeof fakeBulks>;
  watches: BulkWatches;
  server: GatewayServer;
  port: number;
  client: RawCalls;
  /** Why no new work is accepted. */
  held: ErrorCode | undefined;
  durable: boolean;
  /** Who makes the calls that begin from now on. */
  caller: string;
  /** The errors that were logged. */
  unexpected: unknown[];
  start(options?: StartOptions): Promise<void>;
  stop(): Promise<void>;
}

/** Call this once at the top of a spec: it registers the hooks that start and stop the server. */
export const useBulkService = (): BulkServiceFixture => {
  const fixture = {
    start: async ({
      idleMs,
      maxUploadIds = 2_000_000,
      uploadShare: share,
      ...keepAlive
    }: StartOptions = {}) => {
      const fake = fakeBulks();
      const watches = createBulkWatches({ bulks: fake.bulks, readEveryMs: 10 });
      const BulkRotationService = createBulkService({
        bulks: fake.bulks,
        bulkWatches: watches,
        acknowledgements,
        liveness: { noLiveWorker: async () => false },
        uploadIds: createUploadIds(
          maxUploadIds,
          () => {},
          share === undefined
            ? undefined
            : { share, refusal: (caller) => new RekeyError('QUOTA_EXCEEDED', { metadata: { caller } }) },
        ),
      });
      const handlers = createHandlers(
        { BulkRotationService },
        {
          readOrgName: async () => 'c',
          holdBack: () => fixture.held,
          confirmDurable: async () => fixture.durable,
          access: {
            ...OPEN_ACCESS,
            admit: async () => ({
              caller: { name: fixture.caller, names: new Set([fixture.caller]), expiresMs: Infinity },
              rights: () => ALL_RIGHTS,
            }),
          },
          logger: { event: (_name, fields) => void fixture.unexpected.push(fields?.['err']) },
          ...(idleMs !== undefined && { streamIdleMs: idleMs }),
        },
      );
      const server = createServer(loadContract(), handlers as ServiceHandlers, {
        limits: limitsWith(),
        ...keepAlive,
      });
      const port = await server.listen('127.0.0.1:0');
      const client = connectRaw(`127.0.0.1:${port}`);
      const started = { fake, watches, server, port, client };
      Object.assign(fixture, started, { held: undefined, durable: true, caller: 'a', unexpected: [] });
    },
    stop: async () => {
      fixture.client.close();
      fixture.watches.close();
      await fixture.server.close(1000);
    },
  } as BulkServiceFixture;
  beforeEach(() => fixture.start());
  afterEach(() => fixture.stop());
  return fixture;
};
