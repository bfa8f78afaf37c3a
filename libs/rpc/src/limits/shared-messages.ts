/** Messages that several callers are sent and have not taken: each is in memory once. */
export class SharedMessages {
  private readonly messages = new Map<object, { holders: number; bytes: number }>();

  /** A caller has not taken a message, undefined if it is no other's; returns how many bytes that adds. */
  hold(message: object | undefined, bytes: number): number {
    const known = message && this.messages.get(message);
    if (known) known.holders += 1;
    else if (message) this.messages.set(message, { holders: 1, bytes });
    return known ? 0 : bytes;
  }

  /** The caller has taken it, or has gone; returns how many bytes are free. */
  release(message: object | undefined, bytes: number): number {
    const known = message && this.messages.get(message);
    if (!known) return bytes;
    known.holders -= 1;
    if (known.holders > 0) return 0;
    this.messages.delete(message!);
    return known.bytes;
  }
}
