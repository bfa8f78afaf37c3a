import { randomInt } from 'node:crypto';
import { copyFile, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyArchive, type ArchiveVerifier } from '@rekey/archive';

const CLOSED = /^\d{10}\.(?:jsonl|digest\.json)$/;

interface Place {
  name: string;
  at: number;
}

/** Inverts a bit of a byte. Repeated with the same bit, it is as before. */
const flip = async (path: string, at: number, bit: number): Promise<void> => {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0]! ^= 1 << bit;
    await file.write(byte, 0, 1, at);
  } finally {
    await file.close();
  }
};

/** Every byte of the files is equally likely. */
const pickPlace = (sizes: readonly { name: string; bytes: number }[]): Place => {
  let at = randomInt(sizes.reduce((sum, { bytes }) => sum + bytes, 0));
  for (const { name, bytes } of sizes) {
    if (at < bytes) return { name, at };
    at -= bytes;
  }
  throw new Error('there is no such place');
};

/** Flips a byte at a time in a copy of an archive, and counts in how many places `verify` names its file. */
export const flipBytes = async (
  archive: string,
  verifiers: readonly ArchiveVerifier[],
  places: number,
): Promise<{ places: number; found: number }> => {
  const copy = await mkdtemp(join(tmpdir(), 'rekey-chaos-copy-'));
  try {
    const names = (await readdir(archive)).filter((name) => CLOSED.test(name));
    await Promise.all(names.map((name) => copyFile(join(archive, name), join(copy, name))));
    const sizes = await Promise.all(
      names.map(async (name) => ({ name, bytes: (await stat(join(copy, name))).size })),
    );
    const verify = async () => (await verifyArchive({ path: copy, verifiers })).breaks;
    // An archive that is broken anyway shows nothing.
    if (names.length === 0 || (await verify()).length > 0) return { places, found: 0 };
    let found = 0;
    for (let i = 0; i < places; i += 1) {
      const { name, at } = pickPlace(sizes);
      const bit = randomInt(8);
      await flip(join(copy, name), at, bit);
      const [first] = await verify();
      if (first?.file === name) found += 1;
      await flip(join(copy, name), at, bit);
    }
    return { places, found };
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
};
