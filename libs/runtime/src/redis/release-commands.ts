import { Command } from 'ioredis';

/** What a command of ioredis has that its types do not show. */
interface Inside {
  args: unknown[];
  isResolved: boolean;
  _convertValue(resolve: Settle): Settle;
}
type Settle = (value: unknown) => unknown;

const inside = Command.prototype as unknown as Inside;
const convertValue = inside._convertValue;

function releasing(this: Inside, resolve: Settle): Settle {
  const settle = convertValue.call(this, resolve);
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
 * generation. A worker sends whole records, and would copy each of them twice to no purpose.
 */
export const releaseAnsweredCommands = (): void => {
  inside._convertValue = releasing;
};
