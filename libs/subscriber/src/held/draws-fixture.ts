/** Draws whole numbers below a given one: the same in each run, so that a failure can be repeated. */
export const createDraws = (): ((below: number) => number) => {
  let state = 1117;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
};
