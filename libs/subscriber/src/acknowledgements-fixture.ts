import { Acknowledgement } from '@rekey/schema';
import { createAcknowledgementVerifier } from '@rekey/sealing';
import type { Redis } from 'ioredis';

/**
 * For specs: the acknowledgements of `billing` under the prefix `spec`. It has signed each with the grant
 * that it names. `ackKeys`: what verifies those of each grant, by its kid.
 */
export const readAcknowledgements = async (
  redis: Redis,
  ackKeys: ReadonlyMap<string, string>,
): Promise<Acknowledgement[]> => {
  const verify = createAcknowledgementVerifier();
  const entries = await redis.xrange('{spec}:acks:billing', '-', '+');
  return Promise.all(
    entries.map(async ([, [name, text, proofName, proof, ...more]]) => {
      if (name !== 'ack' || proofName !== 'proof' || more.length > 0)
        throw new Error('this is no entry of an acknowledgement');
      const ack = Acknowledgement.strict().parse(JSON.parse(text!));
      if (!(await verify(text!, proof!, ackKeys.get(ack.kid ?? '') ?? '')))
        throw new Error('this is no acknowledgement that `billing` has signed');
      return ack;
    }),
  );
};
