/**
 * Ids for a stream. An array, a Set or a function that makes a fresh (async) iterable can be sent again when
 * the gateway goes away in the middle. A generator, a stream or any other async iterable can be read only
 * once: it is sent once, and not tried again.
 */
export type Ids = Iterable<string> | AsyncIterable<string> | (() => Iterable<string> | AsyncIterable<string>);

/** The gateway takes messages of 64 KiB; the first has other fields too. */
const BATCH_BYTES = 48 * 1024;

/** Of tag and length. */
const OVERHEAD_BYTES = 4;

/** Whether `ids` can be gone through more than once. A generator's iterator is itself. */
export const canRepeat = (ids: Ids): boolean =>
  typeof ids === 'function' || (Symbol.iterator in ids && (ids[Symbol.iterator]() as unknown) !== ids);

/** Throws a TypeError of one id in place of many, whose letters would be taken for ids. */
export const checkIds = (name: string, ids: Ids | undefined): void => {
  if (typeof ids === 'string') throw new TypeError(`${name} must be many ids, and not a string`);
};

/** Arrays of ids, each of which fits into a message. The next one is read when it is asked for. */
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

/**
 * The messages of a stream: what is wanted goes with the first, and the ids of each field follow in as many
 * as they need.
 */
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
