import zlib from 'node:zlib';

const encoders: Readonly<Record<string, (bytes: Buffer) => Buffer>> = { gzip: zlib.gzipSync, br: zlib.brotliCompressSync, deflate: zlib.deflateSync, zstd: zlib.zstdCompressSync };

/** A body as a Content-Encoding says: the first of several is applied first. One that is not known leaves it as it is. */
export const encodeBody = (bytes: Buffer, contentEncoding: string): Buffer =>
  contentEncoding.split(', ').reduce((encoded, name) => encoders[name]?.(encoded) ?? encoded, bytes);
