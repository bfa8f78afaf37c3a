/**
 * The names of Rekey's keys in Redis. All begin with the prefix in braces, so that a Redis Cluster keeps them in one slot.
 * Upstream ids are percent-encoded: no id can leave its place in a key.
 */
export interface Keys {
  prefix: string;
  rotation(id: string): string;
  /** The index of rotations: `open` ones, or those in an end state. */
  rotations(index: string): string;
  request(requestId: string): string;
  assistant(assistantId: string): string;
  current(assistantId: string): string;
  /** The stream, and the channel of the same name. */
  events: string;
  seq: string;
  ledger: string;
  /** The channel on which the id of every ended rotation is published. */
  rotationEnded: string;
  /** The prefix that BullMQ puts before its own keys. */
  bull: string;
}

export const ledgerKeys = (name: string): Keys => {
  const prefix = `{${name}}`;
  return {
    prefix,
    rotation: (id) => `${prefix}:rotation:${id}`,
    rotations: (index) => `${prefix}:rotations:${index}`,
    request: (requestId) => `${prefix}:request:${requestId}`,
    assistant: (assistantId) => `${prefix}:assistant:${encodeURIComponent(assistantId)}`,
    current: (assistantId) => `${prefix}:current:${encodeURIComponent(assistantId)}`,
    events: `${prefix}:events`,
    seq: `${prefix}:seq`,
    ledger: `${prefix}:ledger`,
    rotationEnded: `${prefix}:rotation-ended`,
    bull: `${prefix}:bull`,
  };
};
