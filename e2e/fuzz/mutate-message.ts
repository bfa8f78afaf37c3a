import type { Random } from './random.ts';

/*
 * Mutations of protobuf messages: of their fields, and of the bytes without regard to fields.
 */

/** A field as it is on the wire: its number and type, and what follows. */
interface Field {
  number: number;
  type: number;
  /** Of a length-delimited field: without the length. */
  value: Buffer;
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const LONGEST_VALUE = 30_000;

const varint = (value: number | bigint): Buffer => {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
};

/** Reads a varint of up to five bytes; undefined if there is none. */
const readVarint = (bytes: Buffer, at: number): { value: number; end: number } | undefined => {
  let value = 0;
  for (let i = 0; i < 5; i += 1) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: at + i + 1 };
  }
  return undefined;
};

/** The fields of a message that is well formed. */
const fieldsOf = (message: Buffer): Field[] => {
  const fields: Field[] = [];
  let at = 0;
  while (at < message.length) {
    const tag = readVarint(message, at);
    if (!tag) return fields;
    const [number, type] = [tag.value >>> 3, tag.value & 7];
    const length = readVarint(message, tag.end);
    if (!length || (type !== VARINT && type !== LENGTH_DELIMITED)) return fields;
    const from = type === VARINT ? tag.end : length.end;
    const to = type === VARINT ? length.end : length.end + length.value;
    fields.push({ number, type, value: message.subarray(from, to) });
    at = to;
  }
  return fields;
};

const bytesOf = ({ number, type, value }: Field): Buffer =>
  Buffer.concat([
    varint((BigInt(number) << 3n) | BigInt(type)),
    ...(type === LENGTH_DELIMITED ? [varint(value.length)] : []),
    value,
  ]);

const joined = (fields: Field[]): Buffer => Buffer.concat(fields.map(bytesOf));

/** Texts that programs have taken for something else. */
const ODD_TEXTS: readonly Buffer[] = [
  '',
  ' ',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  '\0',
  'a\nb',
  '../../x',
  '{rekey}:ledger',
  '*',
  'c',
  '\u202e',
  '\ufeff',
  '%00%2f',
  '-1',
  '1e400',
  'null',
  'rot_00000000000000000000000000',
]
  .map((text) => Buffer.from(text))
  .concat([
    Buffer.from([0xff, 0xfe]),
    Buffer.from([0xc0, 0x80]),
    Buffer.from([0xed, 0xa0, 0x80]),
    Buffer.from([0xf4, 0x90, 0x80, 0x80]),
    Buffer.from([0xe2, 0x82]),
  ]);

const HUGE_VARINTS: readonly Buffer[] = [
  varint(2n ** 31n),
  varint(2n ** 32n - 1n),
  varint(2n ** 53n),
  varint(2n ** 63n),
  varint(2n ** 64n - 1n),
  Buffer.from([0x80]),
  Buffer.alloc(10, 0xff),
  Buffer.alloc(11, 0x80),
  Buffer.concat([Buffer.alloc(9, 0x80), Buffer.from([0x7f])]),
  Buffer.alloc(300, 0xff),
];

const oddText = (random: Random): Buffer => {
  if (random.chance(0.05)) return Buffer.alloc(random.below(LONGEST_VALUE), random.pick([0, 0x61, 0xff]));
  return random.chance(0.2) ? random.bytes(random.below(40)) : random.pick(ODD_TEXTS);
};

/** Groups, or messages, inside each other: a decoder may recur for each. */
const nested = (random: Random): Buffer => {
  const depth = random.pick([10, 100, 1000, 20_000]);
  if (random.chance(0.5)) return Buffer.alloc(depth, random.pick([0x0b, 0x13, 0x1b, 0x7b]));
  let inner: Buffer = Buffer.alloc(0);
  for (let i = 0; i < Math.min(depth, 200); i += 1)
    inner = bytesOf({ number: 1 + random.below(4), type: LENGTH_DELIMITED, value: inner });
  return inner;
};

/** A length that is longer than what follows. */
const wrongLength = (field: Field, random: Random): Buffer =>
  Buffer.concat([
    varint((field.number << 3) | LENGTH_DELIMITED),
    random.pick([varint(field.value.length + 1 + random.below(100)), ...HUGE_VARINTS]),
    field.value,
  ]);

type Mutation = (fields: Field[], random: Random) => Buffer;

const any = (fields: Field[], random: Random): number => random.below(fields.length);
const replaced = (fields: Field[], at: number, by: Partial<Field>): Buffer =>
  joined(fields.map((field, i) => (i === at ? { ...field, ...by } : field)));

const ofFields: readonly Mutation[] = [
  (fields, random) => joined(fields.toSpliced(any(fields, random), 1)),
  (fields, random) => joined([...fields, random.pick(fields)]),
  (fields, random) =>
    joined([...fields, ...Array.from({ length: 1 + random.below(500) }, () => random.pick(fields))]),
  (fields, random) => {
    const [a, b] = [random.pick(fields), random.pick(fields)];
    return joined(
      fields.map((field) =>
        field === a ? { ...a, value: b.value } : field === b ? { ...b, value: a.value } : field,
      ),
    );
  },
  (fields, random) => joined(fields.toReversed().concat(random.pick(fields))),
  (fields, random) => replaced(fields, any(fields, random), { type: random.below(8) }),
  (fields, random) =>
    replaced(fields, any(fields, random), { number: random.pick([0, 1, 2, 3, 15, 16, 2 ** 29 - 1]) }),
  (fields, random) =>
    replaced(fields, any(fields, random), { value: oddText(random), type: LENGTH_DELIMITED }),
  (fields, random) =>
    replaced(fields, any(fields, random), { value: oddText(random), type: LENGTH_DELIMITED }),
  (fields, random) =>
    replaced(fields, any(fields, random), { value: random.pick(HUGE_VARINTS), type: VARINT }),
  (fields, random) =>
    replaced(fields, any(fields, random), { value: nested(random), type: LENGTH_DELIMITED }),
  (fields, random) => Buffer.concat([joined(fields), nested(random)]),
  (fields, random) => Buffer.concat([joined(fields), wrongLength(random.pick(fields), random)]),
  (fields, random) => {
    // The same, of a message within the message.
    const at = any(fields, random);
    return replaced(fields, at, { value: mutateMessage(fields[at]!.value, random), type: LENGTH_DELIMITED });
  },
];

const ofBytes: readonly ((message: Buffer, random: Random) => Buffer)[] = [
  (message, random) => message.subarray(0, random.below(message.length + 1)),
  (message, random) => {
    const changed = Buffer.from(message);
    for (let i = 0; i <= random.below(4); i += 1)
      changed[random.below(changed.length)]! ^= 1 << random.below(8);
    return changed;
  },
  (message, random) => {
    const at = random.below(message.length);
    return Buffer.concat([message.subarray(0, at), random.pick(HUGE_VARINTS), message.subarray(at)]);
  },
  (_message, random) => random.bytes(random.below(100)),
];

/** A message that is like another one, and need not be well formed. */
export const mutateMessage = (message: Buffer, random: Random): Buffer => {
  const fields = fieldsOf(message);
  if (fields.length === 0 || (message.length > 0 && random.chance(0.2)))
    return random.pick(ofBytes)(message.length === 0 ? random.bytes(8) : message, random);
  return random.pick(ofFields)(fields, random);
};
