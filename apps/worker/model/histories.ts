import { Arbitrary, Stream, Value, type Random } from 'fast-check';

/**
 * A history to be played: by choices at random, or step by step as another was. `taken` is filled in as it is
 * played, and is what shorter histories are made of: with a step left out, the others stay what they were.
 */
export interface History {
  choices: number[];
  script?: string[];
  taken: string[];
}

const HIGHEST = 65_535;

/** Where a shorter history was found: how many steps were left out, and before which. */
interface Found {
  size: number;
  at: number;
}

/**
 * Histories of so many steps. One that fails is shrunk by leaving out steps, half of them at first and one in
 * the end, until none can be spared.
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
  // On from where one was found, and then again from the beginning.
  for (let at = found?.at ?? 0; at > 0 && at < steps.length; at += size) yield without(size, at);
  for (;;) {
    for (let at = 0; at < steps.length; at += size) yield without(size, at);
    if (size === 1) return;
    size = Math.ceil(size / 2);
  }
}
