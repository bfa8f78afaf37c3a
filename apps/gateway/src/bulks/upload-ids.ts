import { RekeyError } from '@rekey/schema';

/** The ids of one upload, as far as it has come. */
interface UploadedIds {
  /** Throws TOO_MANY_CALLS if the ids of all uploads are too many. */
  add(count: number): void;
  /** The upload has ended. */
  end(): void;
}

/** Begins to count the ids of an upload. */
export type UploadIds = () => UploadedIds;

/** Bounds the ids of all open uploads together: the gateway holds 16 to 53 bytes for each. */
export const createUploadIds = (max: number, onLimit: (limit: string) => void): UploadIds => {
  let inAll = 0;
  return () => {
    let held = 0;
    return {
      add: (count) => {
        if (inAll + count > max) {
          onLimit('upload-ids');
          throw new RekeyError('TOO_MANY_CALLS', { metadata: { bound: 'upload-ids', limit: String(max) } });
        }
        held += count;
        inAll += count;
      },
      end: () => {
        inAll -= held;
        held = 0;
      },
    };
  };
};
