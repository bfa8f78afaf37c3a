import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import {
  accept,
  claimed,
  key,
  ledger,
  looked,
  lose,
  redis,
  removed,
  rotate,
  useLedger,
} from '../ledger-fixture.ts';
import { consumerOf } from '../registry/registry-fixture.ts';

useLedger();

let subscriber: Redis;
let heard: { channel: string; text: string }[];

beforeEach(async () => {
  heard = [];
  subscriber = redis.duplicate();
  subscriber.on('message', (channel, text) => heard.push({ channel, text }));
  await subscriber.subscribe('{spec}:hints', '{spec}:events');
});
afterEach(() => subscriber.disconnect());

/** The hints up to now: Redis delivers the messages of a connection in order. */
const hints = async (): Promise<string[]> => {
  const end = new Promise<void>((resolve) =>
    subscriber.on('message', (channel) => channel === '{spec}:end' && resolve()),
  );
  await subscriber.subscribe('{spec}:end');
  await redis.publish('{spec}:end', '');
  await end;
  return heard.filter(({ channel }) => channel === '{spec}:hints').map(({ text }) => text);
};
const parsed = async () => (await hints()).map((text) => JSON.parse(text) as object);
const events = () => heard.filter(({ channel }) => channel === '{spec}:events');

describe('the channel of hints', () => {
  it('says what each version is about, and nothing of what is sealed', async () => {
    const claim = await claimed(await accept());
    await ledger.assistants.commit(claim, key('f1'));
    expect(await hints()).toEqual([
      `{"subject":"ast_1","version":${claim.epoch},"type":"rekey.assistant.key-rotated.v1","org":"org_1"}`,
    ]);
  });

  it('names the version that an uncertainty is about', async () => {
    const claim = await claimed(await accept());
    await ledger.assistants.commit(claim, key('f1'));
    await lose();
    expect((await parsed()).at(-1)).toEqual({
      subject: 'ast_1',
      version: claim.epoch,
      type: 'rekey.assistant.key-uncertain.v1',
      org: 'org_1',
    });
  });

  it('says that a key was removed', async () => {
    await rotate('f1');
    const read = await looked();
    await ledger.assistants.commit(read, removed('no-key', read));
    expect((await parsed()).at(-1)).toEqual({
      subject: 'ast_1',
      version: read.epoch,
      type: 'rekey.assistant.key-removed.v1',
      org: 'org_1',
    });
  });

  it('names the version of an assistant that has moved to another org', async () => {
    await rotate('f1');
    const { epoch } = await rotate('f2', { orgId: 'org_2' });
    expect((await parsed()).at(-1)).toMatchObject({ version: epoch, org: 'org_2' });
  });

  it('has one hint for each event, of the same things', async () => {
    for (const assistantId of ['ast_1', 'ast_2', 'ast_3'])
      await ledger.assistants.commit(await claimed(await accept({ assistantId })), key(assistantId));
    const about = await parsed();
    expect(events()).toHaveLength(3);
    expect(about).toEqual(
      events().map(({ text }) => {
        const { subject, type, data } = JSON.parse(text);
        return { subject, type, version: data.version, org: 'org_1' };
      }),
    );
  });

  it.each([
    ['quotes that look like the end of the subject', 'a","time":"x', 'o","type":"x'],
    ['other scripts and emoji', 'помощник-🤖', 'org-ü-日本'],
    ['the longest ids that there are', '"'.repeat(256), '"'.repeat(256)],
  ])('is JSON of at most 1,200 bytes for ids with %s', async (_what, assistantId, orgId) => {
    await ledger.assistants.commit(await claimed(await accept({ assistantId, orgId })), key('f1'));
    const [text] = await hints();
    expect(JSON.parse(text!)).toMatchObject({ subject: assistantId, org: orgId });
    expect(Buffer.byteLength(text!)).toBeLessThanOrEqual(1200);
  });

  it('names a consumer that was changed, which has no org and no version', async () => {
    await ledger.consumers.write('billing', undefined, consumerOf('billing'), { emit: 'ACTIVE' });
    expect((await parsed()).at(-1)).toEqual({
      subject: 'billing',
      version: null,
      type: 'rekey.consumer.changed.v1',
      org: null,
    });
  });
});
