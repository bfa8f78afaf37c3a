import { inspect } from 'node:util';

interface Command {
  name: string;
  args: unknown[];
}
interface Connection {
  sendCommand(command: never, stream?: never): unknown;
}

const CARRIES_CREDENTIALS: ReadonlySet<string> = new Set(['auth', 'hello', 'migrate', 'acl']);
const HIDDEN = '[hidden]';

/** Arguments that are sent as they are, and that no log, error or dump shows. */
class ConcealedArguments extends Array<unknown> {
  // Without it, `map` and its like would return arrays that conceal as well.
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
  override join(): string {
    return HIDDEN;
  }
  override toString(): string {
    return HIDDEN;
  }
  toJSON(): string[] {
    return [HIDDEN];
  }
  [inspect.custom](): string {
    return HIDDEN;
  }
}

/**
 * Hides the arguments of commands with a user and a password. ioredis writes the arguments of each command to
 * its debug log (`DEBUG=ioredis:*`), and attaches them to the error of a refused one. Call it before the
 * connection is established, and again for each duplicate.
 */
export const concealCredentials = (redis: Connection): void => {
  const send = redis.sendCommand.bind(redis) as (command: Command, stream?: unknown) => unknown;
  const conceal = (command: Command, stream?: unknown): unknown => {
    if (CARRIES_CREDENTIALS.has(command.name.toLowerCase()) && command.args.length > 0)
      command.args = ConcealedArguments.from(command.args);
    return send(command, stream);
  };
  redis.sendCommand = conceal as Connection['sendCommand'];
};
