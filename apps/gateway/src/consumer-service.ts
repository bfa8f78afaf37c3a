import type { ConsumerPositions, Consumers, SeenConsumer } from '@rekey/ledger';
import { toProtoConsumer, type ConsumerServiceHandlers } from '@rekey/rpc';
import {
  ConsumerName,
  ConsumerOrgs,
  Envelope,
  RekeyError,
  parseJson,
  type Consumer,
  type ErrorCode,
} from '@rekey/schema';
import { SealError, parseConsumerKey } from '@rekey/sealing';
import { z } from 'zod';
import { makePageToken, readPageToken } from './page-token.ts';
import { pageOf } from './pages.ts';
import { pageSize as sizeOfPage, parseRequest } from './requests.ts';
import type { ServiceMethod } from './service-method.ts';

export interface ConsumerServiceDeps {
  consumers: Consumers;
  positions: ConsumerPositions;
  /** Why nothing new is accepted at present; undefined where nothing is in its way. */
  holdBack: () => ErrorCode | undefined;
  /** Resolves with true when what was written is as durable as Redis is told to make it. */
  confirmDurable: () => Promise<boolean>;
}

const ByName = z.object({ name: ConsumerName });
const Orgs = ConsumerOrgs.transform((orgs) => [...new Set(orgs)].toSorted());
const AddConsumer = z.object({
  name: ConsumerName,
  orgs: Orgs,
  publicJwk: z.string().optional(),
  sealedSharedJwk: z.string().optional(),
});
const ListConsumers = z.object({ pageSize: sizeOfPage(50, 100), pageToken: z.string() });
/** The filter of a list without one: its page tokens serve no other list. */
const ALL = { list: 'consumers' };
const SetOrgs = z.object({ name: ConsumerName, orgs: Orgs });
/** A write is tried again where somebody else has changed the consumer meanwhile. */
const WRITE_TRIES = 5;

export const createConsumerService = (
  method: ServiceMethod,
  { consumers, positions, holdBack, confirmDurable }: ConsumerServiceDeps,
): ConsumerServiceHandlers => {
  const shown = async ({ consumer }: SeenConsumer) => {
    const slowest = positions.slowest(consumer.name);
    return toProtoConsumer(
      consumer,
      positions.instancesOf(consumer.name),
      slowest && (await consumers.lagOf(slowest.position, slowest.seq)),
    );
  };
  const find = async (name: string): Promise<SeenConsumer> => {
    const seen = await consumers.get(name);
    if (!seen) throw new RekeyError('CONSUMER_NOT_FOUND');
    return seen;
  };
  /**
   * Changes a consumer, or removes it; `change` says how from what it is, undefined where it is so already.
   */
  const change = async (
    name: string,
    to: (consumer: Consumer) => { after: Consumer | undefined; tell?: string } | undefined,
  ): Promise<SeenConsumer> => {
    for (let tries = 0; tries < WRITE_TRIES; tries += 1) {
      const seen = await find(name);
      const wanted = to(seen.consumer);
      if (!wanted) return seen;
      const { after, tell } = wanted;
      if (!(await consumers.write(name, seen, after, { readers: true, ...(tell !== undefined && { tell }) })))
        continue;
      if (!(await confirmDurable())) throw new RekeyError('REPLICAS_MISSING');
      return after ? find(name) : seen;
    }
    throw new RekeyError('CONSUMER_BUSY');
  };

  return {
    AddConsumer: method(async (request) => {
      const { name, orgs, ...given } = parseRequest(AddConsumer, request);
      const key = await keyOf(given);
      const refusal = holdBack();
      if (refusal !== undefined) throw new RekeyError(refusal);
      const before = await consumers.get(name);
      if (!before) {
        const consumer: Consumer = {
          name,
          orgs,
          state: 'PENDING',
          created_at: new Date(await consumers.nowMs()).toISOString(),
          ...key,
        };
        await consumers.write(name, undefined, consumer);
      }
      // Written by this call, or by the same one at the same moment.
      const seen = await find(name);
      if (seen.consumer.key.kid !== key.key.kid || (before && key.shared_key !== undefined))
        throw new RekeyError('CONSUMER_EXISTS');
      if (!(await confirmDurable())) throw new RekeyError('REPLICAS_MISSING');
      return shown(seen);
    }),

    GetConsumer: method(async (request) => shown(await find(parseRequest(ByName, request).name))),

    ListConsumers: method(async (request) => {
      const { pageSize, pageToken } = parseRequest(ListConsumers, request);
      const after = readPageToken(pageToken, ALL, ConsumerName);
      const { consumers: all } = await consumers.list();
      const placeOf = ({ consumer }: SeenConsumer) => consumer.name;
      const { items, next } = await pageOf(all, {
        size: pageSize,
        after,
        placeOf,
        isAfter: (name, other) => name > other,
        show: shown,
      });
      return { consumers: items, nextPageToken: next === undefined ? '' : makePageToken(next, ALL) };
    }),

    SetConsumerOrgs: method(async (request) => {
      const { name, orgs } = parseRequest(SetOrgs, request);
      const changed = await change(name, (consumer) =>
        consumer.orgs.join('\n') === orgs.join('\n')
          ? undefined
          : {
              after: {
                ...consumer,
                orgs,
                ...(consumer.state === 'ACTIVE' && { state: 'ENROLLING' as const }),
              },
            },
      );
      return shown(changed);
    }),

    RemoveConsumer: method(async (request) => {
      await change(parseRequest(ByName, request).name, () => ({ after: undefined, tell: 'REMOVED' }));
      return {};
    }),

    GetPublicKey: method(async () => {
      const jwk = await consumers.signer();
      if (!jwk) throw new RekeyError('NO_WORKER_YET');
      return { jwk: JSON.stringify(jwk) };
    }),
  };
};

const violation = (field: string, description: string) =>
  new RekeyError('INVALID_ARGUMENT', { fieldViolations: [{ field, description }] });

/** The key of a request as it stands in the ledger. It is never quoted. */
const keyOf = async ({
  publicJwk,
  sealedSharedJwk,
}: {
  publicJwk?: string | undefined;
  sealedSharedJwk?: string | undefined;
}): Promise<Pick<Consumer, 'key' | 'shared_key'>> => {
  if (publicJwk !== undefined) {
    try {
      const { type, kid, jwk } = await parseConsumerKey(parseJson(publicJwk));
      if (type === 'shared')
        throw new SealError(
          'it is a key that is shared with Rekey, which must not be sent in clear: rekey consumer add seals it',
        );
      return { key: { ...jwk, kid } as Consumer['key'] };
    } catch (error) {
      if (error instanceof SealError) throw violation('public_jwk', error.message);
      throw error;
    }
  }
  if (sealedSharedJwk === undefined) throw violation('key', 'must be given');
  const sealed = Envelope.safeParse(parseJson(sealedSharedJwk));
  if (!sealed.success) throw violation('sealed_shared_jwk', 'must be a JWE as rekey consumer add makes it');
  return { key: { kty: 'oct', kid: '' }, shared_key: sealed.data };
};
