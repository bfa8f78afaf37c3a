/** A moment, in ms and as the contract shows it. */
export const T0_MS = 1_700_000_000_123;
export const t0 = { seconds: '1700000000', nanos: 123_000_000 };
