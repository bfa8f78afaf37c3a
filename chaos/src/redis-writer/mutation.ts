import type { Redis } from 'ioredis';
import type { Random } from '../random.ts';
import type { KeyPicker } from './key-catalogue.ts';
import type { SeenValues } from './seen-values.ts';

type Argument = string | number | Buffer;
export type RedisCommand = [name: string, ...args: Argument[]];

/** What a writer does: its commands at once, and what follows. */
export interface Steps {
  commands: RedisCommand[];
  /** One list of commands each time. */
  later?: { everyMs: number; commands: readonly RedisCommand[][] };
  /** What the writer does once processes of Rekey have been started again. */
  afterRestart?: RedisCommand[];
}

/** The steps, and in a word what for. */
export interface Mutation extends Steps {
  name: string;
}

/** What a writer in Redis knows and reads to choose a mutation. */
export interface WriterView {
  redis: Redis;
  random: Random;
  /** With its braces. */
  prefix: string;
  keys: KeyPicker;
  seen: SeenValues;
  /** The length of one long field or text. */
  longBytes: number;
}

const SHOWN = 60;

const show = (argument: Argument): string => {
  const text = Buffer.isBuffer(argument) ? `<${argument.length} bytes>` : String(argument);
  const cut = text.length > SHOWN ? `${text.slice(0, SHOWN)}…(${text.length})` : text;
  return /^[\w{}:.*/-]+$/.test(cut) ? cut : JSON.stringify(cut);
};

/** A mutation in one line. */
export const describeMutation = ({ name, commands, later, afterRestart }: Mutation): string =>
  `${name}: ${commands
    .slice(0, 4)
    .map((command) => command.slice(0, 8).map(show).join(' '))
    .join('; ')}${commands.length > 4 ? `; … (${commands.length} commands)` : ''}${
    later ? `; and ${later.commands.length} times more, each ${later.everyMs} ms` : ''
  }${afterRestart ? '; and after a restart' : ''}`;
