import { Acknowledgement } from '@rekey/schema';
import { createAcknowledgementVerifier } from '@rekey/sealing';
import type { Redis } from 'ioredis';

/** For specs: the acknowledgements of `billing` under the prefix `spec`, each of which it has signed. */
export const readAcknowledgements = async (redis: Redis): Promise<Acknowledgement[]> => {
  const entry = await redis.hget('{spec}:consumers', 'billing');
  const { ack_key: ackKey = '' } = JSON.parse(entry ?? '{}') as { ack_key?: string };
  const verify = createAcknowledgementVerifier();
  const entries = await redis.xrange('{spec}:acks:billing', '-', '+');
  return Promise.all(
    entries.map(async ([, [name, text, proofName, proof, ...more]]) => {
      const isSigned = entry === null || (await verify(text!, proof!, ackKey));
      if (name !== 'ack' || proofName !== 'proof' || more.length > 0 || !isSigned)
        throw new Error('this is no entry of an acknowledgement that `billing` has signed');
      return Acknowledgement.strict().parse(JSON.parse(text!));
    }),
  );
};
