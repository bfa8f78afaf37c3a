import { readers } from './change-readers.ts';
import { fights } from './fight-repairs.ts';
import { forgeries } from './forge.ts';
import { limits } from './exceed-limits.ts';
import { places } from './move-records.ts';
import type { Mutation, WriterView } from '../mutation.ts';
import { states } from './pretend-state.ts';
import { queues } from './spoil-queues.ts';
import { takenNames } from './take-names.ts';
import type { ThiefTools } from '../thief-tools.ts';

const all = Object.entries({
  ...readers,
  ...places,
  ...forgeries,
  ...states,
  ...limits,
  ...queues,
  ...fights,
  ...takenNames,
});

/** The names of the clever mutations, for a run that makes only some of them. */
export const cleverNames: readonly string[] = all.map(([name]) => name);

/** What a writer does who knows how Rekey works, and wants keys, or wants that nobody notices. */
export const mutateCleverly = async (
  view: WriterView,
  tools: ThiefTools,
  only?: string,
): Promise<Mutation | undefined> => {
  const [name, act] = only === undefined ? view.random.pick(all) : all.find(([known]) => known === only)!;
  const steps = await act(view, tools);
  return steps && { name, ...(Array.isArray(steps) ? { commands: steps } : steps) };
};
