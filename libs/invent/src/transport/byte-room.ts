/** A limit on the bytes that are in memory at the same time. */
export interface ByteRoom {
  /** Opens a share that holds no bytes yet. */
  open(): ByteShare;
}

export interface ByteShare {
  /**
   * Resolves when the share holds at least this number of bytes. A share that holds fewer releases them
   * before it waits: no share waits while it holds room, so that two shares cannot block each other. More
   * than the whole room counts as the whole room. Resolves at once if the share is closed.
   */
  reserve(bytes: number): Promise<void>;
  /** Releases the bytes of the share and ends its wait. Safe to call twice. */
  close(): void;
}

/** Answers up to this length do not count: they never wait and take no room. */
export const UNCOUNTED_BYTES = 256 * 1024;

/** Grants room in the order of the requests. */
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
      const release = () => {
        freeBytes += heldBytes;
        heldBytes = 0;
      };
      return {
        reserve: async (wanted) => {
          const bytes = Math.min(wanted, totalBytes);
          if (closed || bytes <= heldBytes || bytes <= UNCOUNTED_BYTES) return;
          release();
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
          release();
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
