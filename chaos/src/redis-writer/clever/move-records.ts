import { noticed, readEvent, type Clever, type Entry } from './clever.ts';

const inOrg = (event: Entry, orgId: string, assistantId: string): string =>
  JSON.stringify({
    ...event,
    subject: assistantId,
    source: `/orgs/${encodeURIComponent(orgId)}/assistants/${encodeURIComponent(assistantId)}`,
  });

/** Row 3: where a record belongs. */
export const places: Record<string, Clever> = {
  'an event under another org': async (view) => {
    const found = await readEvent(view);
    if (!found) return undefined;
    const { key, event, assistantId, orgId } = found;
    return [
      ['SET', key, inOrg(event, orgId, assistantId)],
      ['ZADD', `${view.prefix}:assistants:${orgId}`, Date.now(), assistantId],
      ...noticed(view),
    ];
  },
  'an event under another assistant': async (view) => {
    const found = await readEvent(view);
    if (!found) return undefined;
    const { event, orgId, other } = found;
    const assistantId = other.slice(`${view.prefix}:current:`.length);
    return [['SET', other, inOrg(event, orgId, assistantId)], ...noticed(view)];
  },
  'an event as uncertain': async (view) => {
    const found = await readEvent(view);
    if (!found) return undefined;
    const { event, assistantId, orgId, other } = found;
    const id = view.random.pick([assistantId, other.slice(`${view.prefix}:current:`.length)]);
    return [['HSET', `${view.prefix}:uncertain`, id, inOrg(event, orgId, id)], ...noticed(view)];
  },
  'an event published again': async (view) => {
    const found = await readEvent(view);
    if (!found) return undefined;
    const { event, assistantId, orgId } = found;
    return [['XADD', `${view.prefix}:events`, '*', 'event', inOrg(event, orgId, assistantId)]];
  },
  'an assistant in another org': async (view) => {
    const found = await readEvent(view);
    if (!found) return undefined;
    const { assistantId, orgId } = found;
    const assistant = `${view.prefix}:assistant:${assistantId}`;
    return [
      ['HSET', assistant, 'org', orgId, ...(view.random.next() < 0.5 ? ['uncertain', 1] : [])],
      ['ZADD', `${view.prefix}:checks`, 0, `${orgId}/${assistantId}`],
    ];
  },
  'a record of before, under c': async (view) => {
    const { prefix, random, seen } = view;
    const found = await readEvent(view);
    if (!found) return undefined;
    const { key, event, assistantId } = found;
    const assistant = `${prefix}:assistant:${assistantId}`;
    const [record, hash] = [seen.dump(random, key), seen.dump(random, assistant)];
    if (!record || !hash) return undefined;
    const [, , org = ''] = String(event['source']).split('/');
    return [
      ['RESTORE', key, 0, record, 'REPLACE'],
      ['RESTORE', assistant, 0, hash, 'REPLACE'],
      ['HSET', assistant, 'org', 'c'],
      ['ZADD', `${prefix}:assistants:c`, Date.now(), assistantId],
      ['ZREM', `${prefix}:assistants:${org}`, assistantId],
    ];
  },
  'another org for c': async (view) => {
    const orgs = (await view.redis.smembers(`${view.prefix}:orgs`)).toSorted();
    const orgId = orgs.length === 0 ? 'org_x' : view.random.pick(orgs);
    return [['HSET', `${view.prefix}:ledger`, 'alias', orgId], ...noticed(view)];
  },
};
