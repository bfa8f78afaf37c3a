import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  keys,
  redis,
  ledger,
  bulks,
  upstream,
  names,
  make,
  doTask,
  prepared,
  wordsOf,
  removals,
  corrupt,
  useBulkTasks,
} from './bulk-task-fixture.ts';

useBulkTasks();

describe('a dry run of named assistants', () => {
  beforeEach(async () => {
    upstream.add('org_a', ...names(300));
    upstream.add('org_b', 'ast_b');
    upstream.alias = 'org_a';
    await prepared();
    await prepared({ orgId: 'org_b' });
    upstream.requests.length = 0;
  });

  it('does not take one of another org for deleted, and sends no request', async () => {
    const bulk = await make(['ast_b', 'ast_7'], { validateOnly: true });
    await doTask();
    expect(await wordsOf(bulk)).toEqual({ ast_b: 'ASSISTANT_NOT_FOUND', ast_7: 'VALID' });
    expect(upstream.requests).toEqual(['GET org_a/ast_7']);
    expect(await removals()).toEqual([]);
    expect((await ledger.assistants.keyFacts(['ast_b']))[0]).toMatchObject({ orgId: 'org_b' });
  });

  it('sends a request if one of the two orgs is the alias, because they may be one org', async () => {
    const [other, own] = [
      await make(['ast_b'], { orgId: 'c', validateOnly: true }),
      await make(['ast_7'], { orgId: 'c', validateOnly: true }),
    ];
    await doTask();
    await doTask();
    expect({ ...(await wordsOf(other)), ...(await wordsOf(own)) }).toEqual({
      ast_b: 'ASSISTANT_NOT_FOUND',
      ast_7: 'VALID',
    });
    expect(upstream.requests).toEqual(['GET c/ast_b', 'GET org_b/ast_b', 'GET c/ast_7']);
    expect(await removals()).toEqual([]);
  });

  it('names assistants whose ledger entry cannot be read', async () => {
    await corrupt('ast_7');
    const bulk = await make(['ast_7', 'ast_8'], { validateOnly: true });
    await doTask();
    expect(await wordsOf(bulk)).toEqual({ ast_7: 'LEDGER_CORRUPT', ast_8: 'VALID' });
    expect(await redis.hkeys(keys.quarantine)).toEqual(['ast_7']);
  });

  it('lists the org if they are many, and estimates rotating and verifying', async () => {
    await corrupt('ast_7');
    const bulk = await make([...names(50), 'ast_b', 'unknown'], { validateOnly: true });
    await doTask();
    expect(await wordsOf(bulk)).toMatchObject({
      ast_0: 'VALID',
      ast_7: 'LEDGER_CORRUPT',
      ast_b: 'ASSISTANT_NOT_FOUND',
      unknown: 'ASSISTANT_NOT_FOUND',
    });
    expect(await bulks.get(bulk.id)).toMatchObject({ counts: { valid: 49 }, estimate: { requests: 49 + 3 } });
  });

  it('fails with the reason if the API key is refused', async () => {
    upstream.refuses = 'UPSTREAM_FORBIDDEN';
    const bulk = await make(['ast_7'], { validateOnly: true });
    await doTask();
    expect(await bulks.get(bulk.id)).toMatchObject({ state: 'FAILED', why: 'UPSTREAM_FORBIDDEN' });
  });
});
