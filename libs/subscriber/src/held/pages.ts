/**
 * Memory whose pages the system provides at their first use, and has back once it is collected. Other buffers
 * come from malloc: what stays among them keeps it from returning what was freed, and each large one that is
 * freed makes it keep more. V8 takes the pages of a resizable buffer from the system itself.
 */
export const pages = (bytes: number): ArrayBuffer => new ArrayBuffer(bytes, { maxByteLength: bytes });
