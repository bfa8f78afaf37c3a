import zlib from 'node:zlib';

const encoders: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: zlib.gzipSync,
  br: zlib.brotliCompressSync,
  deflate: zlib.deflateSync,
  zstd: zlib.zstdCompressSync,
  /** Decoded by nothing, and no text either. */
  unknown: (bytes) => Buffer.from(bytes.map((byte) => byte ^ 0x80)),
};

/**
 * A body as a Content-Encoding says: the first of several is applied first. An empty name leaves it as it is.
 */
export const encodeBody = (bytes: Buffer, contentEncoding: string): Buffer =>
  contentEncoding.split(', ').reduce((encoded, name) => encoders[name]?.(encoded) ?? encoded, bytes);
