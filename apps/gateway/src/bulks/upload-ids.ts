import { RekeyError } from '@rekey/schema';

/** The ids of one upload, as far as it has come. */
interface UploadedIds {
  /** Throws TOO_MANY_CALLS or QUOTA_EXCEEDED if the ids of all uploads are too many. */
  add(count: number): void;
  /** The upload has ended. */
  end(): void;
}

/** Begins to count the ids of an upload. `stop` receives the error if the upload has to make room. */
export type UploadIds = (caller: string, stop: (error: unknown) => void) => UploadedIds;

/** What one caller may hold while others need room. */
interface UploadShare {
  share: number;
  /** The error of a caller that holds more. */
  refusal(caller: string): RekeyError;
}

interface Upload {
  caller: string;
  held: number;
  stop(error: unknown): void;
  /** Why it takes no more ids. */
  ended?: unknown;
}

/** The uploads of a process. Without shares, everybody is one caller. */
class Uploads {
  private readonly open = new Set<Upload>();
  private readonly ofCallers = new Map<string, number>();
  private inAll = 0;
  private readonly max: number;
  private readonly shares: UploadShare | undefined;

  constructor(max: number, shares: UploadShare | undefined) {
    this.max = max;
    this.shares = shares;
  }

  begin(upload: Upload): void {
    this.open.add(upload);
  }

  isFull(count: number): boolean {
    return this.inAll + count > this.max;
  }

  hold(upload: Upload, count: number): void {
    const { caller } = upload;
    upload.held += count;
    this.inAll += count;
    const ofCaller = (this.ofCallers.get(caller) ?? 0) + count;
    if (ofCaller === 0) this.ofCallers.delete(caller);
    else this.ofCallers.set(caller, ofCaller);
  }

  end(upload: Upload, why: unknown): void {
    if (!this.open.delete(upload)) return;
    upload.ended = why;
    this.hold(upload, -upload.held);
  }

  /** Ends the largest upload of those whose callers hold more than their share. */
  private makeRoom({ refusal }: UploadShare): boolean {
    const [victim] = [...this.open]
      .filter(({ caller, held }) => held > 0 && this.isBeyond(caller, 0))
      .toSorted((a, b) => b.held - a.held);
    if (victim === undefined) return false;
    const error = refusal(victim.caller);
    this.end(victim, error);
    victim.stop(error);
    return true;
  }

  private isBeyond(caller: string, count: number): boolean {
    return this.shares !== undefined && (this.ofCallers.get(caller) ?? 0) + count > this.shares.share;
  }

  /** Makes room for these ids if their caller stays within its share; otherwise throws QUOTA_EXCEEDED. */
  claim({ caller }: Upload, count: number): void {
    const { shares } = this;
    if (shares === undefined || !this.isFull(count)) return;
    if (this.isBeyond(caller, count)) throw shares.refusal(caller);
    while (this.isFull(count)) if (!this.makeRoom(shares)) return;
  }
}

/**
 * Bounds the ids of all open uploads together: the gateway holds 16 to 53 bytes for each. One caller may hold
 * all of them, as long as nobody else needs room: then uploads of callers beyond their share end.
 */
export const createUploadIds = (
  max: number,
  onLimit: (limit: string) => void,
  shares?: UploadShare,
): UploadIds => {
  const uploads = new Uploads(max, shares);
  return (caller, stop) => {
    const upload: Upload = { caller, held: 0, stop };
    uploads.begin(upload);
    return {
      add: (count) => {
        if (upload.ended !== undefined) throw upload.ended;
        uploads.claim(upload, count);
        if (uploads.isFull(count)) {
          onLimit('upload-ids');
          throw new RekeyError('TOO_MANY_CALLS', { metadata: { bound: 'upload-ids', limit: String(max) } });
        }
        uploads.hold(upload, count);
      },
      end: () => uploads.end(upload, new Error('the upload has ended')),
    };
  };
};
