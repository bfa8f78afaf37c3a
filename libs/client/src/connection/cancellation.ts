/** Ends the calls of one operation. An AbortSignal for each call would cost several microseconds more. */
export interface Cancellation {
  /** Why it was cancelled; undefined if it was not. */
  cancelled(): Error | undefined;
  /** Calls the listener when it is cancelled, at once if it was. Returns what removes the listener. */
  onCancel(listener: () => void): () => void;
}
