import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createBulkPolls } from './bulk-polls.ts';

const ids = Array.from({ length: 10 }, (_, i) => `rot_${i}`);
let remove: () => void = () => {};
afterEach(() => remove());

const setUp = (perRound: number) => {
  const polled: string[] = [];
  const polls = createBulkPolls({ poll: async (id) => void polled.push(id), everyMs: 5, perRound });
  remove = () => ids.forEach((id) => polls.remove(id));
  return { polled, polls };
};
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await sleep(1);
};

describe('polls', () => {
  it('take turns if there are more than one round reads', async () => {
    const { polled, polls } = setUp(4);
    for (const id of ids) polls.add(id);
    await until(() => polled.length >= 12);
    expect(polled.slice(0, 12)).toEqual([...ids, 'rot_0', 'rot_1']);
  });

  it('read what was added twice once a round', async () => {
    const { polled, polls } = setUp(4);
    polls.add('rot_0');
    polls.add('rot_1');
    polls.add('rot_0');
    await until(() => polled.length >= 4);
    expect(polled.slice(0, 4)).toEqual(['rot_0', 'rot_1', 'rot_0', 'rot_1']);
  });

  it('end with the last one that is removed', async () => {
    const { polled, polls } = setUp(4);
    polls.add('rot_0');
    await until(() => polled.length === 1);
    polls.remove('rot_0');
    await sleep(30);
    expect(polled).toEqual(['rot_0']);
  });
});
