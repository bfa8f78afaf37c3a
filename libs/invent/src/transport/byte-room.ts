/** A bound on the bytes that are in memory at once. */
export interface ByteRoom {
  /** A share that holds nothing yet. */
  open(): ByteShare;
}

export interface ByteShare {
  /**
   * Resolves when the share holds at least this many bytes. A share that holds fewer returns them before it
   * waits: nothing waits while it holds room, so that no two can wait for each other. More than the whole
   * room counts as the whole room. Resolves at once if the share is closed.
   */
  want(bytes: number): Promise<void>;
  /** Returns what it holds, and ends a wait. Safe to call twice. */
  close(): void;
}

/** Answers up to this length are not counted: they neither wait nor are waited for. */
export const UNCOUNTED_BYTES = 256 * 1024;

/** Grants room in the order in which it was asked for. */
export const createByteRoom = (totalBytes: number): ByteRoom => {
  let freeBytes = totalBytes;
  const queue: { bytes: number; grant: () => void }[] = [];
  const grantNext = () => {
    while (queue.length > 0 && queue[0]!.bytes <= freeBytes) {
      const { bytes, grant } = queue.shift()!;
      freeBytes -= bytes;
      grant();
    }
  };

  return {
    open: () => {
      let heldBytes = 0;
      let closed = false;
      let endWait = () => {};
      const giveBack = () => {
        freeBytes += heldBytes;
        heldBytes = 0;
      };
      return {
        want: async (wanted) => {
          const bytes = Math.min(wanted, totalBytes);
          if (closed || bytes <= heldBytes || bytes <= UNCOUNTED_BYTES) return;
          giveBack();
          await new Promise<void>((resolve) => {
            const waiting = {
              bytes,
              grant: () => {
                heldBytes = bytes;
                resolve();
              },
            };
            endWait = () => {
              const at = queue.indexOf(waiting);
              if (at !== -1) queue.splice(at, 1);
              resolve();
            };
            queue.push(waiting);
            grantNext();
          });
        },
        close: () => {
          closed = true;
          endWait();
          giveBack();
          grantNext();
        },
      };
    },
  };
};

/** Closes the share when `use` has settled. */
export const withShare = async <T>(
  room: ByteRoom | undefined,
  use: (share: ByteShare | undefined) => Promise<T>,
): Promise<T> => {
  const share = room?.open();
  try {
    return await use(share);
  } finally {
    share?.close();
  }
};
