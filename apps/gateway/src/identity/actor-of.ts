import type { CallContext } from '@rekey/rpc';
import type { Actor } from '@rekey/schema';
import type { Caller } from './authenticate.ts';

/** Of the further names of a caller, at most this many bytes are recorded. */
const MAX_ALSO_BYTES = 2048;

/** A group is no name of the caller. In the list, which has spaces between names, no name has one. */
const otherNames = ({ name, names, also }: Caller): string => {
  const others = [...names, ...(also === undefined ? [] : [also])]
    .filter((other) => other !== name && !other.startsWith('group:'))
    .map((other) => other.replaceAll(' ', '%20'));
  let text = '';
  for (const other of others) {
    const longer = text === '' ? other : `${text} ${other}`;
    if (Buffer.byteLength(longer) > MAX_ALSO_BYTES) break;
    text = longer;
  }
  return text;
};

/** Who acts in a call, as the ledger records it with each change. */
export const actorOf = (
  caller: Caller,
  { requestId, traceparent }: Pick<CallContext, 'requestId' | 'traceparent'>,
): Actor => {
  const also = caller.names.size === 1 && caller.also === undefined ? '' : otherNames(caller);
  return {
    by: caller.name,
    ...(also !== '' && { also }),
    request: requestId,
    ...(traceparent !== undefined && { trace: traceparent.split('-')[1]! }),
  };
};
