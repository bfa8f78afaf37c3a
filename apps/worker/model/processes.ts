import type { Ledger } from '@rekey/ledger';
import type { RotationJob } from '@rekey/schema';
import { ANSWERED, GIVEN, brief } from './narration.ts';
import { list, post, read } from './network.ts';
import { badly, promises, well, type Process } from './terms.ts';
import type { WorldState } from './world-state.ts';

/** Reads of a sweep that only decide which assistants it reads. */
const inPassing: ReadonlySet<string> = new Set(['nowMs', 'list', 'notSeenSince', 'unquarantine']);

export const startProcess = (world: WorldState, slot: string): Process => {
  const count = (world.started.get(slot) ?? 0) + 1;
  world.started.set(slot, count);
  const bootMs = world.nowMs - 7 * count;
  const process = { name: count === 1 ? slot : `${slot}.${count}`, slot, paused: false } as Process;
  process.clock = {
    nowMs: () => world.nowMs - bootMs,
    sleep: (ms) =>
      world.wait<void>(process, (finish) => [well(`${process.name}: has slept`, () => finish())], {
        dueMs: Math.ceil(world.nowMs + ms),
      }),
  };
  process.ledger = byParts(world.options.ledger, (name, args, run) =>
    command(world, process, name, args, run),
  );
  process.invent = {
    rotateSecretKey: (target, { sendBeforeMs = 0 } = {}) =>
      post(world, process, target as RotationJob, sendBeforeMs),
    getAssistant: ({ assistantId }) => read(world, process, assistantId),
    listAssistants: () => list(world, process),
    close: async () => {},
  };
  return process;
};

type RunCommand = (name: string, args: unknown[], run: () => Promise<unknown>) => Promise<unknown>;

const collect = async (found: AsyncIterable<unknown>): Promise<unknown[]> => {
  const all: unknown[] = [];
  for await (const one of found) all.push(one);
  return all;
};

/** A generator of the ledger reads in one step what it yields. */
async function* inOneStep(all: () => Promise<unknown>): AsyncGenerator<unknown> {
  yield* (await all()) as unknown[];
}

/** The ledger, each of whose commands `run` carries out. */
const byParts = (ledger: Ledger, run: RunCommand): Ledger => {
  const watched = <T extends object>(part: T): T =>
    new Proxy(part, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          const invoke = () => Reflect.apply(member, target, args);
          if (name !== 'currents') return run(String(name), args, invoke);
          return inOneStep(() => run(name, args, () => collect(invoke() as AsyncIterable<unknown>)));
        };
      },
    });
  const { keys, ...parts } = ledger;
  return {
    keys,
    ...Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, watched(part)])),
  } as Ledger;
};

/** Its POSTs may still land, and another process takes its place. */
export const killProcess = (world: WorldState, process: Process): void => {
  world.tally.killed += 1;
  for (const { process: owner, post: sent } of world.operations)
    if (owner === process && sent && !sent.over) world.upstream.late.push(sent);
  world.operations = world.operations.filter((operation) => operation.process !== process);
  const slot = world.workers.indexOf(process);
  if (slot === -1) world.checker = startProcess(world, 'checker');
  else world.workers[slot] = startProcess(world, process.slot);
};

/**
 * One command of the ledger, which is one step in Redis. ioredis sends it again if its connection breaks
 * before the answer.
 */
const command = (
  world: WorldState,
  process: Process,
  name: string,
  args: unknown[],
  run: () => Promise<unknown>,
): Promise<unknown> => {
  const text = `${process.name}: ${name}${brief(world, args, GIVEN)}`;
  let answer: { value: unknown } | undefined;
  let resent = false;
  if (inPassing.has(name))
    return world.wait(process, (finish) => [well(text, async () => finish(await run()))], {
      inPassing: true,
    });
  const execute = async () => {
    const value = await run();
    world.add(name === 'currents' ? 'read' : brief(world, [value], ANSWERED).trim());
    if (name === 'quarantine') world.fail(promises.sound, String(args[1]));
    return value;
  };
  return world.wait(process, (finish) => {
    if (answer) return [well(`${process.name}: the answer to ${name} arrives`, () => finish(answer!.value))];
    const more = [
      badly(1, `${text}, and its answer takes its time`, async () => {
        answer = { value: await execute() };
      }),
      badly(1, `${text}, and its answer is lost, so that it is sent again`, async () => {
        await execute();
        resent = true;
      }),
    ];
    return [well(text, async () => finish(await execute())), ...(resent ? more.slice(0, 1) : more)];
  });
};
