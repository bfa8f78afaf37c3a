import { UNCOUNTED_BYTES, type ByteRoom, type ByteShare } from './byte-room.ts';
import { UnreadableBody, decodeBytes, textOf } from './decode-body.ts';

type Headers = Record<string, string | string[] | undefined>;

/** Collects the body of an answer, within its limits. */
export interface BodyReceiver {
  /** A chunk of the answer. Pauses its source while there is no room for a long answer. */
  add(
    chunk: Buffer,
    source: { pause(): void; resume(): void },
    answer: { status: number; headers: Headers },
  ): void;
  /**
   * The text of a whole 200, after waiting for room for it. Calls `onDecoded` before it waits. Rejects with
   * UnreadableBody.
   */
  text(headers: Headers, onDecoded: () => void): Promise<{ text: string; misnamed: boolean }>;
  close(): void;
}

const OK = 200;

/** `onTooLong` is called when the answer exceeds `maxResponseBytes`. */
export const receiveBody = (
  {
    maxResponseBytes,
    receiving,
    share,
  }: { maxResponseBytes: number; receiving?: ByteRoom; share?: ByteShare | undefined },
  onTooLong: (error: UnreadableBody) => void,
): BodyReceiver => {
  const chunks: Buffer[] = [];
  const received = receiving?.open();
  let bytes = 0;
  let countsAsLong = false;

  return {
    add: (chunk, source, { status, headers }) => {
      bytes += chunk.length;
      if (bytes > maxResponseBytes) {
        const reason = `the answer is longer than ${maxResponseBytes} bytes`;
        return onTooLong(new UnreadableBody('ANSWER_TOO_LARGE', reason));
      }
      if (status !== OK) return;
      chunks.push(chunk);
      if (!received || countsAsLong || bytes <= UNCOUNTED_BYTES) return;
      countsAsLong = true;
      // The sender keeps the rest until there is room.
      source.pause();
      void received.reserve(lengthOf(headers, maxResponseBytes)).then(() => source.resume());
    },
    text: async (headers, onDecoded) => {
      const encoding = [headers['content-encoding'] ?? ''].flat().join(',');
      const { bytes: decoded, misnamed } = await decodeBytes(
        chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks.splice(0)),
        encoding,
        maxResponseBytes,
      );
      onDecoded();
      await share?.reserve(decoded.length);
      return { text: textOf(decoded), misnamed };
    },
    close: () => received?.close(),
  };
};

/** The length that an answer states; if it states none, the longest that it may have. */
const lengthOf = (headers: Headers, maxBytes: number): number => {
  const length = Number(headers['content-length'] ?? Number.NaN);
  return length <= maxBytes ? length : maxBytes;
};
