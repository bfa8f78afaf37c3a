/**
 * A time that only rises, in ms. Node loads seven modules at the first use of `performance`, for which each
 * command of `rekey` would wait.
 */
export const monotonicMs = (): number => {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
};
