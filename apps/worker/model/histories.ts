import { Arbitrary, Stream, Value, type Random } from 'fast-check';

/**
 * A history to play: by random choices, or by a script of steps. Playing fills in `taken`. Shorter histories
 * are made from it: with one step left out, the others stay the same.
 */
export interface History {
  choices: number[];
  script?: string[];
  taken: string[];
}

const HIGHEST = 65_535;

/** How a shorter history was made: how many steps were left out, and from which place. */
interface Found {
  size: number;
  at: number;
}

/**
 * Histories of a given number of steps. One that fails is shrunk by leaving out steps, first half of them and
 * in the end one, until every step is necessary.
 */
export class Histories extends Arbitrary<History> {
  readonly length: number;
  constructor(length: number) {
    super();
    this.length = length;
  }

  generate(random: Random): Value<History> {
    return new Value(
      { choices: Array.from({ length: this.length }, () => random.nextInt(0, HIGHEST)), taken: [] },
      undefined,
    );
  }

  canShrinkWithoutContext(_value: unknown): _value is History {
    return false;
  }

  shrink({ taken }: History, found: unknown): Stream<Value<History>> {
    return new Stream(shorter(taken, found as Found | undefined));
  }
}

function* shorter(steps: string[], found?: Found): Generator<Value<History>> {
  const without = (size: number, at: number) =>
    new Value<History>(
      { choices: [], script: [...steps.slice(0, at), ...steps.slice(at + size)], taken: [] },
      { size, at } satisfies Found,
    );
  let size = Math.min(found?.size ?? Number.POSITIVE_INFINITY, Math.max(Math.ceil(steps.length / 2), 1));
  // Continues where one was found, and then starts again from the beginning.
  for (let at = found?.at ?? 0; at > 0 && at < steps.length; at += size) yield without(size, at);
  for (;;) {
    for (let at = 0; at < steps.length; at += size) yield without(size, at);
    if (size === 1) return;
    size = Math.ceil(size / 2);
  }
}
