import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openRecord } from '@rekey/sealing';
import { areTrials } from '@rekey/testing';
import { failureOf } from '../support/failure-of.ts';
import { API_KEY, dumpRedis, eventually, startSystem, type System } from '../support/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem({ simulator: ['--assistants', '2000', '--sub-orgs', '1'] });
});
afterAll(() => system.stop());

describe('a rotation', () => {
  it('leads from a gRPC call to the upstream and to a sealed event', async () => {
    const queued = await system.rotate('ast_1');
    expect(queued).toMatchObject({
      state: 'QUEUED',
      orgId: 'org_demo',
      assistantId: 'ast_1',
      attemptCount: 0,
    });
    expect(queued).not.toHaveProperty('version');
    const ended = await system.waitFor(queued.id);
    expect(ended).toMatchObject({ state: 'SUCCEEDED', cause: 'ROTATION', attemptCount: 1 });
    expect(ended).not.toHaveProperty('error');
    const [event] = await system.versions();
    expect(event).toMatchObject({
      subject: 'ast_1',
      source: '/orgs/org_demo/assistants/ast_1',
      data: { seq: 1, version: ended.version, rotation_id: ended.id },
    });
    const opened = await system.openLast('ast_1');
    expect(opened).toMatchObject({
      org_id: 'org_demo',
      assistant_id: 'ast_1',
      version: ended.version,
    });
    expect(opened.assistant.secret_key).toBe(await system.trueKey('ast_1'));
  });

  it('shows the sealed record over gRPC, and never the key', async () => {
    const ended = await system.rotateAndWait('ast_2');
    const assistant = await system.client.getAssistant('ast_2');
    expect(assistant).toMatchObject({
      assistantId: 'ast_2',
      version: ended.version,
      cause: 'ROTATION',
      rotationId: ended.id,
    });
    expect(JSON.stringify(assistant)).not.toContain(await system.trueKey('ast_2'));
    expect(JSON.parse(await system.sealer.open(JSON.parse(assistant.sealed!))).assistant.secret_key).toBe(
      await system.trueKey('ast_2'),
    );
  });

  it('works under the alias c, and for a sub-org with the API key of its parent', async () => {
    const { id, state } = await system.rotateAndWait('ast_3', 'c');
    expect(state).toBe('SUCCEEDED');
    // Other assistants are published under the org's real id. This one shows which org `c` is.
    await eventually(
      () => system.client.getRotation(id),
      ({ orgId }) => orgId === 'org_demo',
    );
    await eventually(
      () => system.redis.exists('{rekey}:assistants:c'),
      (left) => left === 0,
    );
    expect((await system.openLast('ast_3')).assistant.secret_key).toBe(await system.trueKey('ast_3'));
    expect(await system.rotateAndWait('ast_s1_1', 'org_demo_sub1')).toMatchObject({ state: 'SUCCEEDED' });
  });

  it('publishes unknown fields and values unchanged', async () => {
    const patch = {
      brand_new: { deep: [{ kind: 'never-seen', n: 1.5 }] },
      config: { language: 'tlh', conversation: { thread_mode: 'never-seen', added: null } },
      actions: [{ id: 'act', config: { definitions: [{ more: true }] } }],
    };
    await system.admin('PATCH', '/assistants/ast_4', patch);
    expect(await system.rotateAndWait('ast_4')).toMatchObject({ state: 'SUCCEEDED' });
    const { record } = await system.admin('GET', '/assistants/ast_4');
    expect((await system.openLast('ast_4')).assistant).toEqual(record);
    expect(record).toMatchObject(patch);
  });

  it('is the same rotation for the same request_id', async () => {
    const request = {
      orgId: 'org_demo',
      assistantId: 'ast_5',
      requestId: crypto.randomUUID(),
      reason: 'leak',
    };
    const first = await system.client.rotateSecretKey(request);
    await system.waitFor(first.id);
    const again = await system.client.rotateSecretKey({
      ...request,
      requestId: request.requestId.toUpperCase(),
    });
    expect(again).toMatchObject({
      id: first.id,
      state: 'SUCCEEDED',
      reason: 'leak',
      requestId: request.requestId,
    });
    expect((await system.admin('GET', '/assistants/ast_5')).rotations).toBe(1);
    expect(await failureOf(system.client.rotateSecretKey({ ...request, reason: 'other' }))).toMatchObject({
      code: 'ALREADY_EXISTS',
      reason: 'REQUEST_ID_REUSED',
    });
  });

  it('can be listed by state, org and assistant, page by page', async () => {
    for (let i = 0; i < 3; i += 1) await system.rotateAndWait('ast_6');
    const first = await system.client.listRotations({
      assistantId: 'ast_6',
      state: 'SUCCEEDED',
      pageSize: 2,
    });
    const second = await system.client.listRotations({
      assistantId: 'ast_6',
      state: 'SUCCEEDED',
      pageSize: 2,
      pageToken: first.nextPageToken!,
    });
    const ids = [...first.rotations, ...second.rotations].map(({ id }) => id);
    expect(ids).toHaveLength(3);
    expect(ids).toEqual(ids.toSorted().toReversed());
    expect(second.nextPageToken).toBeUndefined();
    const otherFilter = system.client.listRotations({
      assistantId: 'ast_1',
      pageSize: 2,
      pageToken: first.nextPageToken!,
    });
    expect(await failureOf(otherFilter)).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['page_token'] });
  });
});

const MANY = areTrials ? 1000 : 250;

describe(`${MANY} rotations`, () => {
  it('leave every published key in force, one request each, and no secret anywhere in clear', async () => {
    const before = await system.admin('GET', '/counts');
    const seqBefore = (await system.versions()).length;
    const ids = Array.from({ length: MANY }, (_, i) => `ast_${i + 1001}`);
    const rotations = await Promise.all(ids.map((id) => system.rotate(id)));
    const ended = await Promise.all(rotations.map(({ id }) => system.waitFor(id)));
    expect(new Set(ended.map(({ state }) => state))).toEqual(new Set(['SUCCEEDED']));

    const after = await system.admin('GET', '/counts');
    expect(after.rotate - before.rotate).toBe(MANY);
    expect(after.get - before.get).toBe(0);

    const truth: Record<string, string> = await system.admin('GET', '/keys');
    const events = await system.versions();
    expect(events.slice(seqBefore)).toHaveLength(MANY);
    expect(events.map(({ data }) => data.seq)).toEqual(events.map((_, i) => i + 1));
    const last = new Map(events.map((event) => [event.subject, event]));
    for (const id of ids)
      expect((await openRecord(system.sealer, last.get(id)!)).assistant.secret_key).toBe(truth[id]);

    const everything = `${await dumpRedis(system.redis)}\n${system.output()}`;
    expect(everything).toContain('ast_1001');
    for (const key of Object.values(truth)) expect(everything.includes(key)).toBe(false);
    expect(everything.includes(API_KEY)).toBe(false);
  });
});
