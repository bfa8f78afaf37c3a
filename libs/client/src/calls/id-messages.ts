/**
 * Ids for a stream. If the connection is lost, the client resends an array, a Set, or a function that creates
 * a fresh (async) iterable. A generator, a stream or any other async iterable can be read only once:
 * the client does not retry it.
 */
export type Ids = Iterable<string> | AsyncIterable<string> | (() => Iterable<string> | AsyncIterable<string>);

/** The gateway accepts messages of 64 KiB; the first message has other fields too. */
const BATCH_BYTES = 48 * 1024;

/** The tag and length of an id. */
const OVERHEAD_BYTES = 4;

/** Whether `ids` can be read more than once. A generator is its own iterator. */
export const canRepeat = (ids: Ids): boolean =>
  typeof ids === 'function' || (Symbol.iterator in ids && (ids[Symbol.iterator]() as unknown) !== ids);

/** Throws a TypeError for a string: its characters would be sent as ids. */
export const checkIds = (name: string, ids: Ids | undefined): void => {
  if (typeof ids === 'string') throw new TypeError(`${name} must be an iterable of ids, not a string`);
};

/** Arrays of ids that each fit into a message. Reads ids only as batches are requested. */
export async function* batchesOf(ids: Ids): AsyncGenerator<string[]> {
  let batch: string[] = [];
  let bytes = 0;
  for await (const id of typeof ids === 'function' ? ids() : ids) {
    const size = Buffer.byteLength(id) + OVERHEAD_BYTES;
    if (bytes + size > BATCH_BYTES && batch.length > 0) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(id);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** The messages of a stream: `spec` is part of the first, and the ids of each field follow in batches. */
export async function* messagesOf<Message extends object>(
  spec: Message,
  fields: { [Field in keyof Message]?: Ids | undefined },
): AsyncGenerator<Message> {
  let first = true;
  for (const [field, ids] of Object.entries(fields) as [string, Ids | undefined][]) {
    if (ids === undefined) continue;
    for await (const batch of batchesOf(ids)) {
      yield { ...(first && spec), [field]: batch } as Message;
      first = false;
    }
  }
  if (first) yield spec;
}
