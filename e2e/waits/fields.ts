/** The fields of a protobuf message by number; of a repeated one the last. Numbers, and bytes. */
const fieldsOf = (message: Buffer): Map<number, number | Buffer> => {
  const fields = new Map<number, number | Buffer>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const [number, type] = [tag >> 3, tag & 7];
    if (type === 0) fields.set(number, varint());
    else {
      const length = type === 2 ? varint() : type === 1 ? 8 : 4;
      fields.set(number, message.subarray(at, at + length));
      at += length;
    }
  }
  return fields;
};

const numberIn = (message: Buffer, field: number): number => Number(fieldsOf(message).get(field) ?? 0);

/** The last message of whole gRPC frames. */
const lastOf = (frames: Buffer): Buffer => {
  let at = 0;
  for (;;) {
    const end = at + 5 + frames.readUInt32BE(at + 1);
    if (end >= frames.length) return frames.subarray(at + 5, end);
    at = end;
  }
};

/** `Rotation.state` and `BulkRotation.state` of the last message. */
export const rotationStateOf = (frames: Buffer): number => numberIn(lastOf(frames), 4);
export const bulkStateOf = (frames: Buffer): number => numberIn(lastOf(frames), 3);

/**
 * How long a `google.rpc.Status` asks to wait, in ms: its last detail is `RetryInfo`. Undefined without one.
 */
export const retryAfterOf = (trailer: string | undefined): number | undefined => {
  if (trailer === undefined) return undefined;
  const any = fieldsOf(Buffer.from(trailer, 'base64')).get(3);
  if (!Buffer.isBuffer(any)) return undefined;
  const detail = fieldsOf(any);
  if (!String(detail.get(1)).endsWith('RetryInfo')) return undefined;
  const delay = fieldsOf(detail.get(2) as Buffer).get(1) as Buffer;
  return numberIn(delay, 1) * 1000 + numberIn(delay, 2) / 1e6;
};
