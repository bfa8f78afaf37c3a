/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface ClockInput {
  /** the ledger's own facts */
  ledger: string;
  /** `steady`: the caller's expectation was right so far; `jumped`: it was not; `adopt`: the caller takes this clock as right */
  what: 'look' | 'steady' | 'jumped' | 'adopt';
  /** the moment that the caller expects */
  expectedMs?: number | undefined;
  /** by how much Redis may differ from it */
  toleranceMs: number;
  /** by how much Redis may be ahead of `clock` */
  aheadMs: number;
  /** its name */
  caller: string;
}
type ClockReply =
  /** `past_ms`: the moment that the ledger keeps. `jump`: the jump, as JSON. `noted`: this command has noted it */
  { kind: 'time'; nowMs: number; pastMs: number | undefined; jump: string | undefined; noted: boolean };
const readClockReply = (reply: unknown[]): ClockReply => {
  switch (reply[0]) {
    case 'TIME':
      return {
        kind: 'time',
        nowMs: Number(reply[1]),
        pastMs: reply[2] === '' ? undefined : Number(reply[2]),
        jump: reply[3] === '' ? undefined : String(reply[3]),
        noted: reply[4] === '1',
      };
    default:
      throw unexpectedReply('clock', reply);
  }
};

/**
 * The commands of time/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const timeCommands = (run: RunCommand) => ({
  /**
   * A process checks the clock of Redis. The ledger keeps up to when that clock ran as expected, and whether it
   * has jumped.
   *
   * Keeps: `clock` is a moment at which the clock of Redis was as expected. A jump is noted if Redis differs
   * both from what the caller expects and from `clock`: a caller whose own clock is wrong notes nothing.
   */
  clock: async (input: ClockInput): Promise<ClockReply> =>
    readClockReply(
      await run(
        'clock',
        [input.ledger],
        [input.what, input.expectedMs ?? '', input.toleranceMs, input.aheadMs, input.caller],
      ),
    ),
});
