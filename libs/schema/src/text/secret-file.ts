import type { Stats } from 'node:fs';
import { TextFileError, readTextFile } from './text-file.ts';

interface SecretFileAccess {
  /**
   * The file is mounted into a container of its own, whose platform sets owner and mode (Docker 0444,
   * Kubernetes 0644, a volume with `fsGroup` 0660): any owner, group and reader is accepted. A file that
   * every user can write is refused nevertheless.
   */
  mounted?: boolean | undefined;
  /** How an operator says that the files are mounted; part of a complaint. */
  mountedBy?: string | undefined;
}

export interface SecretFileOptions extends SecretFileAccess {
  /** 1 MiB by default. */
  maxBytes?: number;
}

interface SecretFile {
  text: string;
  /** Of the file that was read. */
  stats: Stats;
}

/** What the administrator of a machine owns may be handed to a service through its group. */
const ROOT = 0;
const WRITABLE = 0o022;
const WRITABLE_BY_OTHERS = 0o002;
const READABLE = 0o044;
const READABLE_BY_OTHERS = 0o004;

/**
 * Reads a file with a secret like `readTextFile`. Refuses one that another user owns, can write or can read
 * (the code `EXPOSED`), with the rules of PostgreSQL: the owner is the user of this process or root, nobody
 * else can write it, others cannot read it, and its group can read it only if root owns it. The check is of
 * the file that is read, whatever is at its path by then.
 */
export const readSecretFile = (
  path: string,
  { mounted, mountedBy, ...options }: SecretFileOptions = {},
): SecretFile => {
  let stats!: Stats;
  const text = readTextFile(path, {
    ...options,
    onOpen: (opened) => {
      const complaint = complaintAboutAccess(opened, { mounted, mountedBy });
      if (complaint !== undefined) throw new TextFileError('EXPOSED', complaint);
      stats = opened;
    },
  });
  return { text, stats };
};

/** Why `readSecretFile` refuses a file; undefined if it does not. */
export const complaintAboutAccess = (
  stats: Stats,
  { mounted = false, mountedBy = 'REKEY_MOUNTED_SECRETS=true' }: SecretFileAccess = {},
): string | undefined => {
  // A pipe or a device stores nothing. Windows has no such owners and modes.
  const user = process.geteuid?.();
  if (!stats.isFile() || user === undefined) return undefined;
  const { uid, mode } = stats;
  const shown = `mode ${(mode & 0o777).toString(8).padStart(4, '0')}`;
  const writable = `can be written by other users (${shown}); run chmod 600 on it`;
  if ((mode & WRITABLE_BY_OTHERS) !== 0) return writable;
  if (mounted) return undefined;
  const otherwise = `. If a container platform mounts it, set ${mountedBy}`;
  if ((mode & WRITABLE) !== 0) return `${writable}${otherwise}`;
  if (uid !== user && uid !== ROOT)
    return `belongs to user ${uid}; its owner must be user ${user}, who runs this, or root${otherwise}`;
  const [unwanted, fitting] = uid === ROOT ? [READABLE_BY_OTHERS, '600 or 640'] : [READABLE, '600'];
  if ((mode & unwanted) !== 0)
    return `can be read by other users (${shown}); run chmod ${fitting} on it${otherwise}`;
  return undefined;
};
