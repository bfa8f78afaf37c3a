import type { ConsumerPositions, Consumers, Events, SeenConsumer } from '@rekey/ledger';
import { toProtoConsumer } from '@rekey/rpc';
import { ConsumerName, RekeyError } from '@rekey/schema';
import type { z } from 'zod';
import { defineRpc, type RpcTable } from '../pipeline/rpc.ts';
import { makePageToken, readPageToken } from '../requests/page-token.ts';
import { pageOf } from '../requests/pages.ts';
import { createConsumerChanges, inOrder, withOrgs } from './consumer-changes.ts';
import { AddConsumer, ByName, ListConsumers, SetOrgs, readConsumerKey } from './consumer-requests.ts';
import { createRegistryMethods, type RegistryMethodDeps } from './registry-methods.ts';

export interface ConsumerServiceDeps extends RegistryMethodDeps {
  consumers: Consumers;
  events: Events;
  positions: ConsumerPositions;
}

/** Stands for the filter of this list, which has none: its page tokens are refused by other lists. */
const ALL = { list: 'consumers' };

const listConsumers = async <Message>(
  all: SeenConsumer[],
  { pageSize, pageToken }: z.output<typeof ListConsumers>,
  sees: (orgId: string) => boolean,
  toMessage: (seen: SeenConsumer) => Promise<Message>,
) => {
  const after = readPageToken(pageToken, ALL, ConsumerName);
  const seen = all.filter(({ consumer }) => consumer.orgs.every(sees));
  return pageOf(seen, {
    size: pageSize,
    after,
    placeOf: ({ consumer }) => consumer.name,
    isAfter: (name, other) => name > other,
    toMessage,
  });
};

/**
 * Also of a change to other orgs: a consumer is not taken from those that it has. `checked` returns what a
 * request was authorized by, if its caller has no right to every org.
 */
const rowsOfConsumer = (find: (name: string) => Promise<SeenConsumer>) => {
  const byRequest = new WeakMap<object, SeenConsumer>();
  const columns = {
    load: async (request: { name: string }) => {
      const seen = await find(request.name);
      byRequest.set(request, seen);
      return seen.consumer.orgs;
    },
    notFound: 'CONSUMER_NOT_FOUND',
  } as const;
  return { columns, checked: (request: object) => byRequest.get(request) };
};

/** A consumer that was added may be one of that name and key that had been added for other orgs before. */
const ifSeen = (seen: SeenConsumer, sees: (orgId: string) => boolean): SeenConsumer => {
  if (!seen.consumer.orgs.every(sees)) throw new RekeyError('CONSUMER_EXISTS');
  return seen;
};

export const createConsumerService = (deps: ConsumerServiceDeps): RpcTable['ConsumerService'] => {
  const { registry, consumers, events, positions } = deps;
  const { find, change, remove, add } = createConsumerChanges(registry, consumers, events);
  const toResponse = async ({ consumer }: SeenConsumer) => {
    const slowest = positions.slowest(consumer.name);
    return {
      ...toProtoConsumer(
        consumer,
        positions.instancesOf(consumer.name),
        slowest && (await consumers.lagOf(slowest.position, slowest.seq)),
      ),
      registryRev: registry.rev(),
    };
  };

  const { columns: ofConsumer, checked } = rowsOfConsumer(find);

  return {
    ...createRegistryMethods(deps),

    AddConsumer: defineRpc({
      request: AddConsumer,
      permission: 'consumers.create',
      orgs: 'request',
      effect: 'accept',
      handler: async ({ name, orgs, ...key }, { sees, actor }) =>
        ifSeen(await add(name, inOrder(orgs), await readConsumerKey(key), actor), sees),
      respond: toResponse,
    }),

    GetConsumer: defineRpc({
      request: ByName,
      permission: 'consumers.read',
      orgs: 'loaded',
      ...ofConsumer,
      effect: 'read',
      handler: ({ name }) => find(name),
      respond: toResponse,
    }),

    ListConsumers: defineRpc({
      request: ListConsumers,
      permission: 'consumers.read',
      orgs: 'listed',
      effect: 'read',
      handler: async (request, { sees }) => {
        await registry.look();
        registry.requireTrusted();
        return listConsumers(registry.list().consumers, request, sees, toResponse);
      },
      respond: ({ messages, next }) => ({ consumers: messages, nextPageToken: makePageToken(next, ALL) }),
    }),

    SetConsumerOrgs: defineRpc({
      request: SetOrgs,
      permission: 'consumers.update',
      orgs: 'request',
      ...ofConsumer,
      effect: 'durable-change',
      handler: async (request, { actor }) => {
        const { name, orgs } = request;
        await change(name, actor, (consumer) => withOrgs(consumer, inOrder(orgs)), checked(request));
        return name;
      },
      respond: async (name) => toResponse(await find(name)),
    }),

    RemoveConsumer: defineRpc({
      request: ByName,
      permission: 'consumers.delete',
      orgs: 'loaded',
      ...ofConsumer,
      effect: 'durable-change',
      handler: (request, { actor }) => remove(request.name, actor, checked(request)),
      respond: () => ({ registryRev: registry.rev() }),
    }),
  };
};
