import type { ServerInterceptor } from '@grpc/grpc-js';
import protobuf from 'protobufjs/light.js';
import { override } from '../memory/override.ts';

/** A message whose texts may be bytes in UTF-8. */
export type WithBytes<Message> = Message extends string
  ? string | Uint8Array
  : Message extends readonly (infer One)[]
    ? readonly WithBytes<One>[]
    : Message extends object
      ? { [Field in keyof Message]: WithBytes<Message[Field]> }
      : Message;

/** Writes a text from its bytes as well: on the wire both are the same. */
class TextWriter extends protobuf.BufferWriter {
  override string(value: string | Uint8Array): this {
    if (typeof value === 'string') super.string(value);
    else super.bytes(value);
    return this;
  }
}

/** Before each message on the wire: a byte that says that it is not compressed, and its length in four. */
const FRAME_HEAD_BYTES = 5;

/** The messages that are written as they are, and their frames once they are encoded. */
const prepared = new WeakMap<object, Buffer | undefined>();

/**
 * Marks a response that is encoded as it is, once, however many callers receive it. Its numbers and enums are
 * numbers, it does not change any more, and bytes in it are valid UTF-8.
 */
export const prepare = <Message extends object>(message: WithBytes<Message>): Message => {
  prepared.set(message, undefined);
  return message as unknown as Message;
};

/** Whether the bytes of a message are in memory once, however many callers have not taken them. */
export const isPrepared = (message: object): boolean => prepared.has(message);

const encode = (type: protobuf.Type, message: object): Buffer => {
  const writer = new TextWriter().uint32(0).fixed32(0);
  const frame = type.encode(message, writer).finish() as Buffer;
  frame.writeUInt32BE(frame.length - FRAME_HEAD_BYTES, 1);
  return frame;
};

/** The encoded message if it was prepared. */
export const preparedBytes = (type: protobuf.Type, message: object): Buffer | undefined => {
  if (!prepared.has(message)) return undefined;
  const frame = prepared.get(message) ?? encode(type, message);
  prepared.set(message, frame);
  return frame.subarray(FRAME_HEAD_BYTES);
};

/** What grpc-js's innermost call keeps to itself. */
interface Inside {
  handler: { serialize(message: object): Buffer };
  serializeMessage(message: object): Buffer;
}

/** The service whose responses are prepared. */
const EVENTS = '/rekey.v1.EventService/';

/**
 * Sends a prepared message without the copy that grpc-js makes of each message for each caller. Copies as
 * long as a page of a snapshot also make V8 collect its whole heap every few pages.
 *
 * It must come before interceptors that wrap the innermost call, which serializes each message.
 */
export const sendPrepared: ServerInterceptor = ({ path }, call) => {
  const same = call as ReturnType<ServerInterceptor>;
  if (!path.startsWith(EVENTS)) return same;
  const inside = call as unknown as Inside;
  const { serializeMessage } = inside;
  override(inside, 'serializeMessage', (message) => {
    const known = prepared.get(message);
    if (known) return known;
    if (!prepared.has(message)) return serializeMessage.call(inside, message);
    inside.handler.serialize(message);
    return prepared.get(message)!;
  });
  return same;
};
