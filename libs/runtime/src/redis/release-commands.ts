import { Command } from 'ioredis';

/** What makes the function that a reply is given to. */
const CONVERT = '_convertValue';
type Settle = (value: unknown) => unknown;
type Inside = { args: unknown[]; isResolved: boolean } & Record<typeof CONVERT, (resolve: Settle) => Settle>;

const convert = (Command.prototype as unknown as Inside)[CONVERT];

function releasing(this: Inside, resolve: Settle): Settle {
  const settle = convert.call(this, resolve);
  return (value) => {
    const result = settle(value);
    // A command that was rejected may be sent again.
    if (this.isResolved) this.args = [];
    return result;
  };
}

/**
 * Frees the arguments of each command that was answered. The command itself outlives its last use until the
 * next full collection: ioredis assigns function literals to its properties, which V8 allocates in the old
 * generation. What a worker sends are whole records.
 */
export const releaseAnsweredCommands = (): void => {
  Object.assign(Command.prototype, { [CONVERT]: releasing });
};
