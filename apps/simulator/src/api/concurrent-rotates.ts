/**
 * Returns a function that follows a rotate request from its arrival until it can have no further effect, even
 * if its caller has disconnected and the change comes late. `onConcurrent` is called for each request that
 * arrives while another one for the same assistant is in progress.
 */
export const followRotates = (
  onConcurrent: (assistantId: string) => void,
): ((assistantId: string, rotating: Promise<void>) => Promise<void>) => {
  /** The number of rotate requests in progress for an assistant. */
  const inProgress = new Map<string, number>();
  return async (assistantId, rotating) => {
    const others = inProgress.get(assistantId) ?? 0;
    if (others > 0) onConcurrent(assistantId);
    inProgress.set(assistantId, others + 1);
    try {
      await rotating;
    } finally {
      const left = inProgress.get(assistantId)! - 1;
      if (left > 0) inProgress.set(assistantId, left);
      else inProgress.delete(assistantId);
    }
  };
};
