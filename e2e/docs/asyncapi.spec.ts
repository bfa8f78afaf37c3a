import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ledgerKeys } from '@rekey/ledger';
import { Acknowledgement, Consumer, KeyRemoved, KeyRotated, KeyUncertain, SealedRecord } from '@rekey/schema';
import { compactDecrypt, decodeJwt } from 'jose';
import { z } from 'zod';
import {
  allUnder,
  at,
  complaintsOfAsyncApi,
  document,
  essence,
  jsonBlocksOf,
  textOf,
  undescribed,
  validatorOf,
  type Json,
} from './asyncapi.ts';
import {
  acknowledgementTexts,
  addConsumer,
  describeConsumer,
  killPythonConsumers,
  startPythonConsumer,
  type AddedConsumer,
} from '../consumers/python-consumer.ts';
import { ledgerOf } from '../support/ledger.ts';
import { eventually, startSystem, type System } from '../support/system.ts';

/** The schema of each type of event. */
const schemaOfType: Record<string, string> = Object.fromEntries(
  ['KeyRotated', 'KeyRemoved', 'KeyUncertain', 'ConsumerChanged'].map((name) => [
    document['components'].schemas[name].allOf[1].properties.type.const as string,
    name,
  ]),
);

/** The errors of a value by a schema of the document, and the fields that the schema does not describe. */
const complaintsOf = (name: string, value: unknown): unknown[] => {
  const validate = validatorOf(name);
  return [
    ...(validate(value) ? [] : validate.errors!),
    ...undescribed(document['components'].schemas[name], value),
  ];
};

describe('docs/reference/asyncapi.yaml', () => {
  it('is an AsyncAPI 3.0 document', () => {
    expect(complaintsOfAsyncApi()).toEqual([]);
  });

  it('has no broken reference', () => {
    const pointers = [...allUnder('$ref'), ...allUnder('x-plaintext')] as string[];
    expect(pointers.length).toBeGreaterThan(30);
    expect(pointers.filter((pointer) => at(pointer) === undefined)).toEqual([]);
  });

  it('has an operation for each channel, with messages that the channel has', () => {
    const operations = Object.values(document['operations'] as Json);
    expect(new Set(operations.map(({ channel }) => channel.$ref.split('/')[2]))).toEqual(
      new Set(Object.keys(document['channels'])),
    );
    const foreign = operations.flatMap(({ channel, messages = [] }) =>
      messages.filter(({ $ref }: Json) => !($ref as string).startsWith(`${channel.$ref}/messages/`)),
    );
    expect(foreign).toEqual([]);
  });

  it.each(Object.entries(document['channels'] as Json))(
    'names the parameters of the channel %s, and no others',
    (_name, { address, parameters }) => {
      expect(Object.keys(parameters).toSorted()).toEqual(
        [...(address as string).matchAll(/\{(\w+)\}/g)].map(([, name]) => name).toSorted(),
      );
    },
  );

  it('has the names that Rekey uses in Redis', () => {
    const keys = ledgerKeys('rekey');
    const names = Object.entries(document['channels'] as Json).map(([name, { address }]) => [
      name,
      (address as string)
        .replace('{prefix}', '{rekey}')
        .replace('{consumer}', 'billing')
        .replace('{assistantId}', 'ast%20%2F')
        .replace('{orgId}', 'org%20%2F'),
    ]);
    expect(Object.fromEntries(names)).toEqual({
      events: keys.events,
      texts: keys.events,
      hints: `${keys.prefix}:hints`,
      current: keys.current('ast /'),
      uncertain: keys.uncertain,
      orgs: keys.orgs,
      assistants: keys.assistants('org /'),
      consumers: keys.consumers,
      acks: keys.acksOf('billing'),
    });
  });

  it.each(Object.entries(document['components'].messages as Json))(
    'has valid examples of %s',
    (_name, { payload, examples }) => {
      const schema = payload.$ref.split('/').at(-1)!;
      expect(examples.length).toBeGreaterThan(0);
      expect(examples.flatMap((example: Json) => complaintsOf(schema, example['payload']))).toEqual([]);
    },
  );

  it.each(Object.entries({ KeyRotated, KeyRemoved, KeyUncertain, SealedRecord, Consumer, Acknowledgement }))(
    'describes %s as Rekey checks it',
    (name, schema) => {
      const checked = essence(z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }));
      expect(essence(document['components'].schemas[name])).toEqual(checked);
    },
  );
});

describe('docs/guides/events.md', () => {
  const blocks = jsonBlocksOf('docs/guides/events.md').map((text) => JSON.parse(text) as Json);
  const schemaOf = (value: Json): string | undefined => {
    if ('specversion' in value) return schemaOfType[value['type']];
    const telling = {
      subject: 'Hint',
      lease_ms: 'Acknowledgement',
      grant: 'Consumer',
      issued_at: 'GrantPayload',
      org_id: 'SealedRecord',
    };
    return Object.entries(telling).find(([field]) => field in value)?.[1];
  };

  it('shows an event, a hint, the plaintext, an entry, a grant and an acknowledgement', () => {
    expect(blocks.map(schemaOf)).toEqual([
      'KeyRotated',
      'Hint',
      'SealedRecord',
      'Consumer',
      'GrantPayload',
      'Acknowledgement',
    ]);
  });

  it.each(blocks.map((block) => [schemaOf(block)!, block] as const))(
    'shows %s as the AsyncAPI document describes it',
    (name, block) => {
      expect(complaintsOf(name, block)).toEqual([]);
    },
  );

  it.each([
    ...Object.keys(schemaOfType),
    ...['Cause', 'Removal'].flatMap((name) => document['components'].schemas[name].enum as string[]),
    ...(document['components'].schemas.Consumer.properties.state.enum as string[]),
  ])('mentions `%s`', (value) => {
    expect(textOf('docs/guides/events.md')).toContain(`\`${value}\``);
  });
});

describe('what Rekey writes', () => {
  let system: System;
  let consumers: AddedConsumer[];
  beforeAll(async () => {
    system = await startSystem({
      simulator: ['--assistants', '4'],
      worker: { REKEY_SWEEP_EVERY_MS: '1000' },
    });
    consumers = [
      await addConsumer(system, 'billing', { orgs: ['*'] }),
      await addConsumer(system, 'crm', { type: 'shared' }),
    ];
    const registry = ledgerOf(system).consumers;
    await eventually(
      () => registry.list(),
      (list) => list.consumers.every(({ consumer }) => consumer.state === 'ACTIVE'),
    );
    await system.rotateAndWait('ast_1');
    await system.admin('PATCH', '/assistants/ast_3', { secret_key: null });
    await eventually(
      () => system.redis.get('{rekey}:current:ast_3'),
      (text) => text?.includes('key-removed') === true,
    );
    await system.admin('POST', '/faults', {
      assistantId: 'ast_1',
      kind: 'failBefore',
      on: 'get',
      status: 503,
      times: 0,
    });
    await system.admin('POST', '/faults', { assistantId: 'ast_1', kind: 'loseResponseAfterCommit' });
    await system.rotate('ast_1');
    await eventually(
      () => system.redis.hlen('{rekey}:uncertain'),
      (count) => count === 1,
    );
  });
  afterAll(async () => {
    killPythonConsumers();
    await system.stop();
  });

  it('matches the events: in the stream, as current records, and uncertain ones', async () => {
    const { redis } = system;
    const stream = await redis.xrange('{rekey}:events', '-', '+');
    const current = await redis.mget(await redis.keys('{rekey}:current:*'));
    const events = [
      ...stream.map(([, fields]) => fields[1]!),
      ...current.map((text) => text!),
      ...Object.values(await redis.hgetall('{rekey}:uncertain')),
    ].map((text) => JSON.parse(text) as Json);
    expect(new Set(stream.flatMap(([, fields]) => fields.filter((_text, i) => i % 2 === 0)))).toEqual(
      new Set([document['channels'].events['x-redis'].field]),
    );
    expect(new Set(events.map(({ type }) => type as string))).toEqual(new Set(Object.keys(schemaOfType)));
    for (const event of events)
      expect({ event, complaints: complaintsOf(schemaOfType[event['type']]!, event) }).toEqual({
        event,
        complaints: [],
      });

    const sealed = events.filter(({ data }) => data.sealed);
    for (const event of sealed)
      expect(
        complaintsOf('SealedRecord', JSON.parse(await system.sealer.open(event['data'].sealed))),
      ).toEqual([]);
  });

  it('matches the entries of consumers, and grants', async () => {
    const entries = Object.values(await system.redis.hgetall('{rekey}:consumers')).map(
      (text) => JSON.parse(text) as Json,
    );
    expect(entries).toHaveLength(2);
    for (const entry of entries) {
      expect(complaintsOf('Consumer', entry)).toEqual([]);
      const { own } = consumers.find(({ name }) => name === entry['name'])!;
      const { plaintext } = await compactDecrypt(entry['grant'], own.decryptionKey);
      expect(complaintsOf('GrantPayload', decodeJwt(Buffer.from(plaintext).toString()))).toEqual([]);
    }
  });

  it('matches the hints', async () => {
    const subscriber = system.redis.duplicate();
    const hints: Json[] = [];
    subscriber.on('message', (_channel, text: string) => hints.push(JSON.parse(text) as Json));
    await subscriber.subscribe('{rekey}:hints');
    await system.rotateAndWait('ast_2');
    await eventually(
      async () => hints,
      (heard) => heard.some(({ subject }) => subject === 'ast_2'),
    );
    subscriber.disconnect();
    for (const hint of hints) expect(complaintsOf('Hint', hint)).toEqual([]);
  });

  it('matches the kinds of ids in sets', async () => {
    const kinds = Object.values(document['channels'] as Json)
      .filter((channel) => channel['x-redis'].type !== 'channel' && channel['x-redis'].field !== 'ack')
      .map((channel) => [channel['address'], channel['x-redis'].type]);
    const found = await Promise.all(
      kinds.map(async ([address]) => [
        address,
        await system.redis.type(
          address
            .replace('{prefix}', '{rekey}')
            .replace('{assistantId}', 'ast_1')
            .replace('{orgId}', 'org_demo'),
        ),
      ]),
    );
    expect(found).toEqual(kinds);
    expect((await system.redis.smembers('{rekey}:orgs')).flatMap((id) => complaintsOf('Id', id))).toEqual([]);
  });

  describeConsumer('and a consumer', () => {
    it('matches the acknowledgements', async () => {
      const consumer = await startPythonConsumer(system, consumers[0]!);
      await system.redis.xadd(
        '{rekey}:events',
        '*',
        'event',
        JSON.stringify({ type: 'rekey.assistant.key-rotated.v1', subject: 'ast_1' }),
      );
      await consumer.untilStatus(({ unapplied }) => unapplied.count === 1);
      await consumer.stop();
      const acks = (await acknowledgementTexts(system, 'billing')).map((text) => JSON.parse(text) as Json);
      expect(acks.at(-1)).toMatchObject({
        instance: consumer.instance,
        unapplied: { count: 1 },
        leaving: true,
      });
      for (const ack of acks) expect(complaintsOf('Acknowledgement', ack)).toEqual([]);
    });
  });
});
