import { Arbitrary, Stream, Value, type Random } from 'fast-check';

const HIGHEST = 65_535;

/** Where a shorter history was found: how many steps were left out, and before which. */
interface Found {
  size: number;
  at: number;
}

/**
 * Choices of `length` steps. What fails is shrunk by leaving out steps, half of them at first and one in the end, until none can be
 * spared. (fast-check's own arrays shrink in one pass; here a step can often be spared only when a later one is gone.)
 */
export class Histories extends Arbitrary<number[]> {
  readonly length: number;
  constructor(length: number) {
    super();
    this.length = length;
  }

  generate(random: Random): Value<number[]> {
    return new Value(Array.from({ length: this.length }, () => random.nextInt(0, HIGHEST)), undefined);
  }

  canShrinkWithoutContext(value: unknown): value is number[] {
    return Array.isArray(value);
  }

  shrink(choices: number[], found: unknown): Stream<Value<number[]>> {
    return new Stream(shorter(choices, found as Found | undefined));
  }
}

function* shorter(choices: number[], found?: Found): Generator<Value<number[]>> {
  const without = (size: number, at: number) => new Value([...choices.slice(0, at), ...choices.slice(at + size)], { size, at } satisfies Found);
  let size = Math.min(found?.size ?? Infinity, Math.max(Math.ceil(choices.length / 2), 1));
  // On from where one was found, and then again from the beginning.
  for (let at = found?.at ?? 0; at > 0 && at < choices.length; at += size) yield without(size, at);
  for (;;) {
    for (let at = 0; at < choices.length; at += size) yield without(size, at);
    if (size === 1) return;
    size = Math.ceil(size / 2);
  }
}
