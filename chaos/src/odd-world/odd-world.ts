import type { Random } from '../random.ts';
import type { Admin } from '../system/simulator.ts';
import { drawEpisodes, episodeNames, type Episode, type OddSetting } from './episodes.ts';

interface OddWorldOptions {
  random: Random;
  setting: OddSetting;
  admin: Admin;
  pause: (ms: number) => Promise<void>;
  /** Runs between episodes: no episode begins before it resolves. */
  inCalm: () => Promise<void>;
  /** The number of episodes after which `progress` is 1. Default: the number of kinds. */
  episodes?: number | undefined;
  /** Kinds of episodes to leave out. */
  without?: readonly string[] | undefined;
}

/** Two reads confirm each other if they are at most this many confirmation times apart (commit.lua). */
const CONFIRMS_APART = 3;

export interface OddWorld {
  /** How often each kind was played. */
  played(): Record<string, number>;
  /** The share of the wanted episodes that have ended, from 0 to 1. */
  progress(): number;
  /** Begins no further episode, and resolves when the last one has ended. */
  stop(): Promise<void>;
}

/** Plays one episode after the other, sometimes two at once, with calm between them. */
export const startOddWorld = ({
  random,
  setting,
  admin,
  pause,
  inCalm,
  without = [],
  episodes: wanted = episodeNames.filter((name) => !without.includes(name)).length,
}: OddWorldOptions): OddWorld => {
  const played: Record<string, number> = {};
  let ended = 0;
  const stopping = new AbortController();
  const episodes = drawEpisodes(random, setting, without);

  const play = async ({ name, lastsMs, faults, restore, remove = [] }: Episode): Promise<void> => {
    played[name] = (played[name] ?? 0) + 1;
    for (const fault of faults) await admin('POST', '/faults', fault);
    if (restore) await admin('POST', '/restore', restore);
    for (const { assistantId, how } of remove) {
      // The simulator answers 404 if it is deleted already.
      if (how === 'deleted') await admin('DELETE', `/assistants/${assistantId}`).catch(() => {});
      else await admin('PATCH', `/assistants/${assistantId}`, { secret_key: null }).catch(() => {});
    }
    await pause(lastsMs);
    ended += 1;
  };
  // A brief episode is played alone, apart from others by the time in which reads confirm each other: a read
  // of one episode that agrees with a read of another is evidence that nobody can tell from the truth.
  const settleMs = setting.readLagMs + CONFIRMS_APART * setting.confirmAfterMs;
  let wasBrief = false;
  const playTogether = async (together: Episode[]): Promise<void> => {
    const isBrief = together.some(({ brief }) => brief);
    await pause(random.between(300, 2500) + (isBrief || wasBrief ? settleMs : 0));
    wasBrief = isBrief;
    await Promise.all(together.map(play));
    // An answer from the episode may still be on its way.
    await pause(random.between(300, 1000));
    await inCalm();
  };
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const drawn = Array.from({ length: random.next() < 0.3 ? 2 : 1 }, () => episodes.next().value);
      if (drawn.some(({ brief }) => brief)) for (const episode of drawn) await playTogether([episode]);
      else await playTogether(drawn);
    }
  };
  const running = run();
  return {
    played: () => played,
    progress: () => Math.min(ended / wanted, 1),
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
};
