import { isUtf8 } from 'node:buffer';
import { promisify } from 'node:util';
import zlib from 'node:zlib';

/** Why the body of a 200 cannot be read. The message does not quote the body. */
export class UnreadableBody extends Error {
  readonly code: 'ANSWER_UNREADABLE' | 'ANSWER_TOO_LARGE';
  constructor(code: UnreadableBody['code'], message: string) {
    super(message);
    this.name = 'UnreadableBody';
    this.code = code;
  }
}

type Decode = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;
const inflate: Decode = promisify(zlib.inflate);
const inflateRaw: Decode = promisify(zlib.inflateRaw);
const gunzip: Decode = promisify(zlib.gunzip);
const brotli: Decode = promisify(zlib.brotliDecompress);

/**
 * RFC 9110 §8.4.1.2: `deflate` is the zlib format. Some servers send the bare deflate stream, which has no
 * zlib header.
 */
const hasZlibHeader = (bytes: Buffer): boolean =>
  bytes.length >= 2 && (bytes[0]! & 0x0f) === 8 && bytes.readUInt16BE(0) % 31 === 0;

const decoders: Readonly<Record<string, Decode>> = {
  gzip: gunzip,
  'x-gzip': gunzip,
  deflate: (bytes, options) => (hasZlibHeader(bytes) ? inflate(bytes, options) : inflateRaw(bytes, options)),
  br: brotli,
  // Node 22.15 and later.
  ...(typeof zlib.zstdDecompress === 'function' && { zstd: promisify(zlib.zstdDecompress) as Decode }),
};

/** More nested encodings than this are an attack. */
const MAX_ENCODINGS = 4;

const encodingsOf = (contentEncoding: string): string[] =>
  contentEncoding
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');

const utf8 = new TextDecoder('utf-8', { fatal: true });

const BOM = '\ufeff';
/**
 * Whether bytes are the plain text of a JSON object or array. Compressed bytes never are: they are not valid
 * UTF-8.
 */
const isPlainJson = (bytes: Buffer): boolean => {
  const first = bytes.toString('utf8', 0, 64).replace(BOM, '').trimStart()[0];
  return (first === '{' || first === '[') && isUtf8(bytes);
};

interface DecodedBody {
  bytes: Buffer;
  /** The body was not encoded as `Content-Encoding` states. */
  misnamed: boolean;
}

/**
 * Decodes a body by its `Content-Encoding`, even one that the request did not ask for. Each decoded stage is
 * at most `maxBytes` long. Unknown names, such as `utf-8` or `none`, decode nothing, and JSON text that is
 * declared as compressed is used as it is: the caller checks whether the result is a record. Throws
 * UnreadableBody.
 */
export const decodeBytes = async (
  bytes: Buffer,
  contentEncoding: string,
  maxBytes: number,
): Promise<DecodedBody> => {
  const encodings = encodingsOf(contentEncoding);
  if (encodings.length > MAX_ENCODINGS)
    throw new UnreadableBody('ANSWER_UNREADABLE', `more than ${MAX_ENCODINGS} content encodings`);
  let decoded = bytes;
  let misnamed = false;
  for (const name of encodings.toReversed()) {
    const decode = Object.hasOwn(decoders, name) ? decoders[name]! : undefined;
    if (!decode || isPlainJson(decoded)) {
      misnamed = true;
      continue;
    }
    try {
      decoded = await decode(decoded, { maxOutputLength: maxBytes });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
        throw new UnreadableBody('ANSWER_TOO_LARGE', `the decoded answer is longer than ${maxBytes} bytes`);
      throw new UnreadableBody('ANSWER_UNREADABLE', `a body that is not ${name}`);
    }
  }
  return { bytes: decoded, misnamed };
};

/**
 * The text of a decoded body, without a BOM. JSON is UTF-8 whatever its `charset` states (RFC 8259 §8.1).
 * Other bytes throw UnreadableBody: replacement characters would turn a key into another key.
 */
export const textOf = (decoded: Buffer): string => {
  try {
    return utf8.decode(decoded);
  } catch {
    throw new UnreadableBody('ANSWER_UNREADABLE', 'a body that is not UTF-8');
  }
};
