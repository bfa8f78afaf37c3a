import { describe, expect, it } from '@jest/globals';
import { type BulkSpec } from '@rekey/schema';
import { codeOf, redis } from '../ledger-fixture.ts';
import { bulks, namesOf, nextBulkId, specOf, statesOf, useBulks, work } from './bulk-fixture.ts';

useBulks();

const HOUR_S = 3600;
const ORG: Partial<BulkSpec> = { selection: { kind: 'org' } };
const idsOf = async (id: string): Promise<string[]> =>
  (await bulks.items(id, {}, { size: 10_000, from: 0 })).items.map(({ assistantId }) => assistantId);
const draftOf = async (...calls: string[][]) => {
  const draft = bulks.draft(nextBulkId());
  for (const ids of calls) await draft.add(ids);
  return draft;
};

describe('a draft', () => {
  it('keeps the first of each id in the order of arrival, also across calls and strings', async () => {
    const ids = namesOf(2500);
    const draft = await draftOf(
      ids.slice(0, 999),
      ids.slice(900, 1002),
      [...ids.slice(1002), ids[0]!, ids[1000]!],
      [ids[2499]!, 'last', 'last'],
    );
    const { bulk } = await bulks.create(draft.id, specOf(), draft);
    expect(bulk.counts).toMatchObject({ total: 2501, duplicates: 99 + 2 + 2 });
    expect(await idsOf(bulk.id)).toEqual([...ids, 'last']);
    expect(await statesOf(bulk.id)).toBe('.'.repeat(2501));
  });

  it.each([999, 1000, 1001, 2000])('of %i lies a thousand to a string', async (count) => {
    const draft = await draftOf(namesOf(count));
    expect(await draft.finish()).toMatchObject({ total: count, duplicates: 0 });
    const chunks = await redis.hgetall(`{spec}:bulk:${draft.id}:ids`);
    const lengths = Object.keys(chunks)
      .map(Number)
      .toSorted((a, b) => a - b)
      .map((chunk) => chunks[chunk]!.split('\n').length);
    expect(lengths).toEqual(
      Array.from({ length: Math.ceil(count / 1000) }, (_, i) => Math.min(1000, count - i * 1000)),
    );
  });

  it('expires within the hour, unless it was created', async () => {
    const draft = await draftOf(namesOf(1500));
    await draft.exclude(['x']);
    const names = [`{spec}:bulk:${draft.id}:ids`, `{spec}:bulk:${draft.id}:exclude`];
    expect(await Promise.all(names.map((name) => redis.ttl(name)))).toEqual([HOUR_S, HOUR_S]);
    await bulks.create(draft.id, specOf(ORG), draft);
    expect(await Promise.all(names.map((name) => redis.ttl(name)))).toEqual([-1, -1]);
  });

  it.each<[string, (id: string) => Promise<unknown>, Partial<BulkSpec>]>([
    ['of its ids some are gone', (id) => redis.hdel(`{spec}:bulk:${id}:ids`, '0'), {}],
    ['those that it leaves out are gone', (id) => redis.del(`{spec}:bulk:${id}:exclude`), ORG],
  ])('creates nothing if %s, and the same request can be made again', async (_what, lose, spec) => {
    const fill = async () => {
      const draft = bulks.draft(nextBulkId());
      await (spec === ORG ? draft.exclude(['ast_x']) : draft.add(namesOf(1001)));
      return draft;
    };
    const lost = await fill();
    await lose(lost.id);
    expect(await codeOf(bulks.create(lost.id, specOf({ requestId: 'req', ...spec }), lost))).toBe(
      'DRAFT_LOST',
    );
    expect(await redis.keys('{spec}:*')).toEqual([]);
    const whole = await fill();
    expect(await bulks.create(whole.id, specOf({ requestId: 'req', ...spec }), whole)).toMatchObject({
      created: true,
    });
  });

  it('leaves nothing behind when it is dropped', async () => {
    const draft = await draftOf(namesOf(1500));
    await draft.exclude(['x']);
    await draft.finish();
    await draft.drop();
    expect(await redis.keys('{spec}:*')).toEqual([]);
  });

  it('returns whether it leaves an id out', async () => {
    const draft = await draftOf();
    await draft.exclude(['b', 'é']);
    await draft.exclude([]);
    const { bulk } = await bulks.create(draft.id, specOf(ORG), draft);
    expect(await work.excluded(bulk.id, ['a', 'b', 'é', 'c'])).toEqual([false, true, true, false]);
    expect(await work.excluded(bulk.id, [])).toEqual([]);
  });

  it('refuses too many excluded ids, and names the field', async () => {
    const draft = await draftOf();
    await draft.exclude(namesOf(60_000));
    const refused = draft.exclude(namesOf(40_001));
    expect(await codeOf(refused)).toBe('INVALID_ARGUMENT');
    await expect(refused).rejects.toMatchObject({ fieldViolations: [{ field: 'exclude_assistant_ids' }] });
  });

  it('refuses more than two million different ids, and names the field', async () => {
    const draft = await draftOf();
    const refused = draft.add(Array.from({ length: 2_000_001 }, (_, i) => i.toString(36)));
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      fieldViolations: [{ field: 'assistant_ids' }],
    });
  });
});
