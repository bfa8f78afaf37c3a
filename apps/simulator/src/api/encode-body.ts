import zlib from 'node:zlib';

const encoders: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: zlib.gzipSync,
  br: zlib.brotliCompressSync,
  deflate: zlib.deflateSync,
  zstd: zlib.zstdCompressSync,
  /** No decoder reads it, and it is not text. */
  unknown: (bytes) => Buffer.from(bytes.map((byte) => byte ^ 0x80)),
};

/** Encodes a body as a Content-Encoding header says, in its order. An empty header leaves it unchanged. */
export const encodeBody = (bytes: Buffer, contentEncoding: string): Buffer =>
  contentEncoding.split(', ').reduce((encoded, name) => encoders[name]?.(encoded) ?? encoded, bytes);
