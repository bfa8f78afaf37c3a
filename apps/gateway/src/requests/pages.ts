/** Below the 4 MiB that gRPC clients accept by default, even with one more item of the largest kind. */
const PAGE_BYTES = 1024 * 1024;

interface PageOptions<T, Message> {
  size: number;
  /** The place of the previous page's last item; undefined for the first page. */
  after: string | undefined;
  placeOf: (item: T) => string;
  /** Whether the first place comes after the second. */
  isAfter: (place: string, other: string) => boolean;
  toMessage: (item: T) => Message | Promise<Message>;
}

interface Page<Message> {
  messages: Message[];
  /** The place of the last item; set if more items follow. */
  next?: string;
}

/** One page of a list that is read as a whole, in its order. A page of large items ends early. */
export const pageOf = async <T, Message>(
  all: readonly T[],
  { size, after, placeOf, isAfter, toMessage }: PageOptions<T, Message>,
): Promise<Page<Message>> => {
  const rest = after === undefined ? all : all.filter((item) => isAfter(placeOf(item), after));
  const messages: Message[] = [];
  let bytes = 0;
  for (const item of rest.slice(0, size)) {
    if (bytes >= PAGE_BYTES) break;
    const message = await toMessage(item);
    messages.push(message);
    bytes += Buffer.byteLength(JSON.stringify(message));
  }
  return {
    messages,
    ...(rest.length > messages.length && { next: placeOf(rest[messages.length - 1]!) }),
  };
};
