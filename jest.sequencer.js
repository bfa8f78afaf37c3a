import Sequencer from '@jest/test-sequencer';

/** Folders whose files take long. What begins with them does not end with one of them running alone. */
const LONG = ['/e2e/', '/chaos/', '/apps/worker/model/', '/scripts/faults/', '/subscriber/src/follower/'];

export default class LongFirst extends Sequencer {
  sort(tests) {
    const isLong = ({ path }) => LONG.some((folder) => path.includes(folder));
    // oxlint-disable-next-line unicorn/no-array-sort -- not of an array: the order of Jest
    const sorted = super.sort(tests);
    return [...sorted.filter(isLong), ...sorted.filter((test) => !isLong(test))];
  }
}
