import type { CallOptions } from '../calls/calls.ts';
import { pagedList, withToken, type Page, type PagedList } from '../calls/pages.ts';
import { createServiceCalls, type ServiceDeps } from '../calls/service-calls.ts';
import type { RequestOf } from '../connection/transport.ts';
import {
  toAssistant,
  toAssistantSummary,
  toKeyVersion,
  toOrg,
  type Assistant,
  type AssistantSummary,
  type KeyVersion,
  type Org,
} from '../models/assistant.ts';
import { toDuration } from '../models/values.ts';

interface AssistantFilterFields {
  orgId?: string;
  /** Only ids that begin with this text. */
  idPrefix?: string;
  /** Only keys that are older than this, in ms, or may be: their age is unknown. */
  olderThanMs?: number;
  uncertain?: boolean;
  /** Only assistants whose current version this consumer has not acknowledged. */
  notAcknowledgedBy?: string;
  /** Default: LAST_CHANGE with `notAcknowledgedBy`, OLDEST_KEY with `olderThanMs`, and ID otherwise. */
  order?: 'ID' | 'OLDEST_KEY' | 'NEWEST_KEY' | 'LAST_CHANGE';
}
export type AssistantFilter = AssistantFilterFields &
  Omit<
    RequestOf<'AssistantService', 'ListAssistants'>,
    keyof AssistantFilterFields | keyof Page | 'olderThan'
  >;

export interface AssistantsPage {
  /** In the order of the request. May be shorter than requested, or empty, although more pages follow. */
  assistants: AssistantSummary[];
  /** Not set on the last page. */
  nextPageToken?: string;
  /** A worker builds or repairs the indexes: assistants may be missing. */
  incomplete: boolean;
}

export interface OrgsPage {
  /** By their id. */
  orgs: Org[];
  /** Not set on the last page. */
  nextPageToken?: string;
  /** A worker builds or repairs the indexes: numbers other than `assistantCount` may be too small. */
  incomplete: boolean;
}

export interface AssistantMethods {
  /**
   * ASSISTANT_NOT_KNOWN if Rekey has never published a key of it. Its deadline is 60 s, since a record may be
   * 16 MiB long, unless the client or the call has a `deadlineMs`.
   */
  getAssistant(assistantId: string, options?: CallOptions): Promise<Assistant>;
  /** One page. CONSUMER_NOT_FOUND. */
  listAssistants(request?: AssistantFilter & Page, options?: CallOptions): Promise<AssistantsPage>;
  /**
   * All assistants that match, a page at a time. If its `incomplete` is true after the last one, assistants
   * may be missing.
   */
  assistants(
    filter?: AssistantFilter & Pick<Page, 'pageSize'>,
    options?: CallOptions,
  ): PagedList<AssistantSummary>;
  /** The last versions, up to 20, newest first. ASSISTANT_NOT_KNOWN. */
  listKeyVersions(assistantId: string, options?: CallOptions): Promise<KeyVersion[]>;
  /** One page. */
  listOrgs(request?: Page, options?: CallOptions): Promise<OrgsPage>;
  /**
   * All orgs that anything was published under, a page at a time. If its `incomplete` is true after the last
   * one, numbers other than `assistantCount` may be too small.
   */
  orgs(options?: CallOptions): PagedList<Org>;
}

/** A record may be 16 MiB long and come over a slow link. */
const RECORD_DEADLINE_MS = 60_000;
/** The largest page of the gateway. */
const PAGE_SIZE = 500;

export const createAssistantMethods = (deps: ServiceDeps): AssistantMethods => {
  const { read } = createServiceCalls(deps, 'AssistantService');
  const methods: AssistantMethods = {
    getAssistant: async (assistantId, options) =>
      read('GetAssistant', { assistantId }, toAssistant, {
        deadlineMs: deps.deadlineMs ?? RECORD_DEADLINE_MS,
        ...options,
      }),
    listAssistants: async ({ olderThanMs, ...request } = {}, options) =>
      read(
        'ListAssistants',
        { ...request, ...(olderThanMs !== undefined && { olderThan: toDuration(olderThanMs) }) },
        (response): AssistantsPage =>
          withToken(
            { assistants: response.assistants.map(toAssistantSummary), incomplete: response.incomplete },
            response,
          ),
        options,
      ),
    assistants: (filter = {}, options) =>
      pagedList(async (pageToken) => {
        const page = await methods.listAssistants({ pageSize: PAGE_SIZE, ...filter, pageToken }, options);
        return { ...page, items: page.assistants, nextPageToken: page.nextPageToken };
      }),
    listKeyVersions: async (assistantId, options) =>
      read('ListKeyVersions', { assistantId }, ({ versions }) => versions.map(toKeyVersion), options),
    listOrgs: async (request = {}, options) =>
      read(
        'ListOrgs',
        request,
        (response): OrgsPage =>
          withToken({ orgs: response.orgs.map(toOrg), incomplete: response.incomplete }, response),
        options,
      ),
    orgs: (options) =>
      pagedList(async (pageToken) => {
        const page = await methods.listOrgs({ pageSize: PAGE_SIZE, pageToken }, options);
        return { ...page, items: page.orgs, nextPageToken: page.nextPageToken };
      }),
  };
  return methods;
};
