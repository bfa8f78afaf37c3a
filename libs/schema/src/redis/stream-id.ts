/** Whether a Redis stream entry comes before another. */
export const isBefore = (id: string, other: string): boolean => {
  const [ms, n] = halves(id);
  const [otherMs, otherN] = halves(other);
  return ms !== otherMs ? ms < otherMs : n < otherN;
};

const halves = (id: string): [bigint, bigint] => {
  const [ms = '0', n = '0'] = id.split('-');
  return [BigInt(ms), BigInt(n)];
};
