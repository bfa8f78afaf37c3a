import type { ServerResponse } from 'node:http';
import type { Fault } from '../faults/fault.ts';
import { failureOf, showPage, type Passes } from '../views/page-views.ts';
import { recordOf, showRecord } from '../views/record-views.ts';
import type { World } from '../world/world.ts';
import type { ApiOptions } from './api-options.ts';
import type { Asking } from './asking.ts';
import { answer } from './outcomes.ts';
import { currentRecord } from './records.ts';
import { refuse } from './respond.ts';

const MAX_TAKE = 100;

/** Answers a page of the assistants of an org. */
export const listAssistants = async (
  { world, faults }: ApiOptions,
  asking: Asking,
  { orgId, query, passes }: { orgId: string; query: URLSearchParams; passes: Passes },
  response: ServerResponse,
): Promise<void> => {
  const { views, orgIds, org } = asking;
  const page = Number(query.get('page') ?? 1);
  const take = Number(query.get('take') ?? MAX_TAKE);
  if (!Number.isInteger(page) || page < 1 || !Number.isInteger(take) || take < 1 || take > MAX_TAKE)
    return refuse(response, 400);
  const term = query.get('search')?.toLowerCase();
  const found = term ? org.ids.filter((id) => `support assistant ${id}`.includes(term)) : org.ids;
  const fault = faults.next('list', undefined, orgIds);
  const failure = failureOf(views, { page, take });
  if (failure !== undefined) return refuse(response, failure);
  const shown = showPage(views, found, { page, take }, passes.next(orgId, page));
  return answer(response, fault, views, {
    headers: shown.headers,
    body: () => JSON.stringify(shown.records.map((entry) => showEntry(world, asking, entry, fault))),
  });
};

const showEntry = (
  world: World,
  { views, asksAnew }: Asking,
  { id, otherKey }: { id: string; otherKey: boolean },
  fault: Fault | undefined,
): Record<string, unknown> => {
  // The common case, with one lookup.
  if (views.length === 0) return currentRecord(world, id, fault);
  const record =
    otherKey || !world.find(id) ? recordOf(world, id, otherKey) : currentRecord(world, id, fault);
  return showRecord(world, views, id, record, asksAnew);
};
