import { ConsumerName, ConsumerOrgs, Envelope, parseJson, type Consumer } from '@rekey/schema';
import { SealError, parseConsumerKey } from '@rekey/sealing';
import { z } from 'zod';
import { pageSize } from '../requests/fields.ts';
import { violation } from '../requests/parse-request.ts';

export const ByName = z.object({ name: ConsumerName });

export const AddConsumer = z.object({
  name: ConsumerName,
  orgs: ConsumerOrgs,
  publicJwk: z.string().optional(),
  sealedSharedJwk: z.string().optional(),
});

export const ListConsumers = z.object({ pageSize: pageSize(50, 100), pageToken: z.string() });

export const SetOrgs = z.object({ name: ConsumerName, orgs: ConsumerOrgs });

export const GetRegistry = z.object({ registryRev: z.coerce.number().pipe(z.int().nonnegative()) });

export const TrustRegistry = z.object({
  consumers: z
    .array(
      z.object({
        name: ConsumerName,
        digest: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be a digest as ReviewRegistry returns it'),
      }),
    )
    .refine(
      (consumers) => new Set(consumers.map(({ name }) => name)).size === consumers.length,
      'must name each consumer once',
    ),
  keepGrants: z.boolean(),
});

const readPublicKey = async (jwkText: string): Promise<Pick<Consumer, 'key'>> => {
  const { type, kid, jwk } = await parseConsumerKey(parseJson(jwkText)).catch((error: unknown) => {
    throw error instanceof SealError ? violation('public_jwk', error.message) : error;
  });
  if (type === 'shared')
    throw violation(
      'public_jwk',
      'it is a key that is shared with Rekey, which must not be sent in clear: rekey consumer add seals it',
    );
  return { key: { ...jwk, kid } as Consumer['key'] };
};

/**
 * The key of a request in the form that the ledger stores. Throws INVALID_ARGUMENT, and never quotes the key.
 */
export const readConsumerKey = async ({
  publicJwk,
  sealedSharedJwk,
}: Pick<z.output<typeof AddConsumer>, 'publicJwk' | 'sealedSharedJwk'>): Promise<
  Pick<Consumer, 'key' | 'shared_key'>
> => {
  if (publicJwk !== undefined) return readPublicKey(publicJwk);
  if (sealedSharedJwk === undefined) throw violation('key', 'must be given');
  const sealed = Envelope.safeParse(parseJson(sealedSharedJwk));
  if (!sealed.success) throw violation('sealed_shared_jwk', 'must be a JWE as rekey consumer add makes it');
  return { key: { kty: 'oct', kid: '' }, shared_key: sealed.data };
};
