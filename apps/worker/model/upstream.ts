import type { UpstreamRecord } from '@rekey/invent';
import type { Sealer } from '@rekey/sealing';

/** A key as upstream made it. Its index in the assistant's history is its age. */
interface MadeKey {
  secret: string;
  madeMs: number;
  /** `start`, `hand`, `restored`, or the id of the rotation whose POST made it. */
  by: string;
}

/** A POST that has left. It may take effect before `landsBeforeMs`, unless it is over. */
export interface Post {
  assistantId: string;
  rotationId: string;
  landsBeforeMs: number;
  over: boolean;
}

/** A simulated Invent: the keys of every assistant, and the POSTs on their way to it. */
export class Upstream {
  readonly keys = new Map<string, MadeKey[]>();
  readonly posts: Post[] = [];
  /** POSTs whose answer no process waits for any more, and which may still land. */
  readonly late: Post[] = [];

  constructor(assistantIds: string[]) {
    for (const id of assistantIds)
      this.keys.set(id, [{ secret: `${id}-0`, madeMs: Number.NEGATIVE_INFINITY, by: 'start' }]);
  }

  rotate(assistantId: string, madeMs: number, by: string): void {
    const history = this.keys.get(assistantId)!;
    history.push({ secret: `${assistantId}-${history.length}`, madeMs, by });
  }

  /**
   * A backup is restored: the key before the one in force is in force again. Keys that Rekey may never have
   * read are not restored, because they cannot be told from new ones.
   */
  restore(assistantId: string, atMs: number): void {
    const history = this.keys.get(assistantId)!;
    const before = history.findLast(
      ({ secret }) =>
        secret !== history.at(-1)!.secret &&
        !['hand', ...(assistantId === 'b' ? ['start'] : [])].includes(
          history.find((first) => first.secret === secret)!.by,
        ),
    );
    if (before) history.push({ secret: before.secret, madeMs: atMs, by: 'restored' });
  }

  /** Whether the key in force was first made by hand. */
  isByHand(assistantId: string): boolean {
    const history = this.keys.get(assistantId)!;
    return history.find(({ secret }) => secret === history.at(-1)!.secret)!.by === 'hand';
  }

  land(post: Post, nowMs: number): void {
    post.over = true;
    this.rotate(post.assistantId, nowMs, post.rotationId);
  }

  canLand(post: Post, nowMs: number): boolean {
    return !post.over && nowMs < post.landsBeforeMs;
  }

  /**
   * The ages of the keys that a read may show: those in force at some moment after `sinceMs`. The one in
   * force comes first.
   */
  shown(assistantId: string, sinceMs: number): number[] {
    const history = this.keys.get(assistantId)!;
    return history
      .flatMap((_key, age) => (age === history.length - 1 || history[age + 1]!.madeMs > sinceMs ? [age] : []))
      .toReversed();
  }

  newest(assistantId: string) {
    return this.record(assistantId, this.keys.get(assistantId)!.length - 1);
  }

  /**
   * The place in the history of the key with a fingerprint: the first one from `from` on. A restored key has
   * several. -1 if it was replaced before that place.
   */
  ageOf(assistantId: string, fingerprint: string, sealer: Pick<Sealer, 'fingerprint'>, from = 0): number {
    return this.keys
      .get(assistantId)!
      .findIndex(({ secret }, age) => age >= from && sealer.fingerprint(secret) === fingerprint);
  }

  nameOf(fingerprint: string, sealer: Pick<Sealer, 'fingerprint'>): string | undefined {
    if (!fingerprint.includes(':')) return undefined;
    return [...this.keys.values()].flat().find(({ secret }) => sealer.fingerprint(secret) === fingerprint)
      ?.secret;
  }

  record(assistantId: string, age: number): UpstreamRecord & { id: string; secretKey: string } {
    const { secret } = this.keys.get(assistantId)![age]!;
    return {
      id: assistantId,
      secretKey: secret,
      deleted: false,
      json: JSON.stringify({ id: assistantId, secret_key: secret }),
      unexpected: [],
    };
  }
}
