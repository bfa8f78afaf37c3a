import type { ConsumerPositions, Consumers, SeenConsumer } from '@rekey/ledger';
import { toProtoConsumer } from '@rekey/rpc';
import { ConsumerName, RekeyError, type Consumer } from '@rekey/schema';
import type { z } from 'zod';
import { defineRpc, type RpcTable } from '../pipeline/rpc.ts';
import { Empty } from '../requests/fields.ts';
import { makePageToken, readPageToken } from '../requests/page-token.ts';
import { pageOf } from '../requests/pages.ts';
import { AddConsumer, ByName, ListConsumers, SetOrgs, readConsumerKey } from './consumer-requests.ts';

export interface ConsumerServiceDeps {
  consumers: Consumers;
  positions: ConsumerPositions;
}

/** Stands for the filter of this list, which has none: its page tokens are refused by other lists. */
const ALL = { list: 'consumers' };
/** How often a write is attempted if another process changes the consumer meanwhile. */
const WRITE_ATTEMPTS = 5;

/** As the ledger stores them. Two names of one org are one by now: `c` has been translated. */
const inOrder = (orgs: string[]): string[] => [...new Set(orgs)].toSorted();

/** What to write in place of a consumer. */
interface ConsumerChange {
  /** Undefined removes it. */
  after: Consumer | undefined;
  /** The reason in the event that says that the consumer changed. */
  emit?: string;
}

const withOrgs = (consumer: Consumer, orgs: string[]): ConsumerChange | undefined => {
  if (consumer.orgs.join('\n') === orgs.join('\n')) return undefined;
  const state = consumer.state === 'ACTIVE' ? 'ENROLLING' : consumer.state;
  return { after: { ...consumer, orgs, state } };
};

/** Reads and changes consumers; every change is one compare-and-set. */
const createConsumerChanges = (consumers: Consumers) => {
  const find = async (name: string): Promise<SeenConsumer> => {
    const seen = await consumers.get(name);
    if (!seen) throw new RekeyError('CONSUMER_NOT_FOUND');
    return seen;
  };

  /** `changeOf` returns what to write, or undefined if nothing has to change. */
  const change = async (
    name: string,
    changeOf: (consumer: Consumer) => ConsumerChange | undefined,
  ): Promise<void> => {
    for (let attempts = 0; attempts < WRITE_ATTEMPTS; attempts += 1) {
      const seen = await find(name);
      const wanted = changeOf(seen.consumer);
      if (!wanted) return;
      const { after, ...event } = wanted;
      if (await consumers.write(name, seen, after, { reseals: true, ...event })) return;
    }
    throw new RekeyError('CONSUMER_BUSY');
  };

  /** Returns the consumer of this name and key. Throws CONSUMER_EXISTS if the name has another key. */
  const add = async (
    name: string,
    orgs: string[],
    key: Pick<Consumer, 'key' | 'shared_key'>,
  ): Promise<SeenConsumer> => {
    const before = await consumers.get(name);
    if (!before) {
      const created_at = new Date(await consumers.nowMs()).toISOString();
      await consumers.write(name, undefined, { name, orgs, state: 'PENDING', created_at, ...key });
    }
    // Written by this call, or by the same call at the same moment.
    const seen = await find(name);
    if (seen.consumer.key.kid !== key.key.kid || (before && key.shared_key !== undefined))
      throw new RekeyError('CONSUMER_EXISTS');
    return seen;
  };

  return { find, change, add };
};

const listConsumers = async <Message>(
  consumers: Consumers,
  { pageSize, pageToken }: z.output<typeof ListConsumers>,
  toMessage: (seen: SeenConsumer) => Promise<Message>,
) => {
  const after = readPageToken(pageToken, ALL, ConsumerName);
  const { consumers: all } = await consumers.list();
  return pageOf(all, {
    size: pageSize,
    after,
    placeOf: ({ consumer }) => consumer.name,
    isAfter: (name, other) => name > other,
    toMessage,
  });
};

export const createConsumerService = ({
  consumers,
  positions,
}: ConsumerServiceDeps): RpcTable['ConsumerService'] => {
  const { find, change, add } = createConsumerChanges(consumers);
  const toResponse = async ({ consumer }: SeenConsumer) => {
    const slowest = positions.slowest(consumer.name);
    return toProtoConsumer(
      consumer,
      positions.instancesOf(consumer.name),
      slowest && (await consumers.lagOf(slowest.position, slowest.seq)),
    );
  };

  return {
    AddConsumer: defineRpc({
      request: AddConsumer,
      permission: 'consumers.create',
      orgs: 'request',
      effect: 'accept',
      handler: async ({ name, orgs, ...key }) => add(name, inOrder(orgs), await readConsumerKey(key)),
      respond: toResponse,
    }),

    GetConsumer: defineRpc({
      request: ByName,
      permission: 'consumers.read',
      orgs: 'loaded',
      effect: 'read',
      handler: ({ name }) => find(name),
      respond: toResponse,
    }),

    ListConsumers: defineRpc({
      request: ListConsumers,
      permission: 'consumers.read',
      orgs: 'listed',
      effect: 'read',
      handler: (request) => listConsumers(consumers, request, toResponse),
      respond: ({ messages, next }) => ({ consumers: messages, nextPageToken: makePageToken(next, ALL) }),
    }),

    SetConsumerOrgs: defineRpc({
      request: SetOrgs,
      permission: 'consumers.update',
      orgs: 'request',
      effect: 'durable-change',
      handler: async ({ name, orgs }) => {
        await change(name, (consumer) => withOrgs(consumer, inOrder(orgs)));
        return name;
      },
      respond: async (name) => toResponse(await find(name)),
    }),

    RemoveConsumer: defineRpc({
      request: ByName,
      permission: 'consumers.delete',
      orgs: 'loaded',
      effect: 'durable-change',
      handler: ({ name }) => change(name, () => ({ after: undefined, emit: 'REMOVED' })),
      respond: () => ({}),
    }),

    GetPublicKey: defineRpc({
      request: Empty,
      permission: 'publicKey.read',
      orgs: 'none',
      effect: 'read',
      handler: async () => {
        const jwk = await consumers.signer();
        if (!jwk) throw new RekeyError('NO_WORKER_YET');
        return jwk;
      },
      respond: (jwk) => ({ jwk: JSON.stringify(jwk) }),
    }),
  };
};
