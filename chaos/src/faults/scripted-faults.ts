import { LANDING_WINDOW_MS, READ_LAG_MS } from '../system/timing.ts';

/** Faults of POSTs, each with its weight among them. */
const postFaults: [weight: number, fault: object][] = [
  [3, { kind: 'failBefore', status: 500 }],
  [2, { kind: 'failBefore', status: 429, retryAfter: '0' }],
  [4, { kind: 'failAfter', status: 500 }],
  [3, { kind: 'failAfter', status: 502 }],
  // A proxy that retries, and answers with the result of its second request.
  [1, { kind: 'failAfter', status: 404 }],
  [1, { kind: 'failAfter', status: 409 }],
  [1, { kind: 'failAfter', status: 429 }],
  [2, { kind: 'loseConnectionBefore' }],
  [5, { kind: 'loseResponseAfterCommit' }],
  [1, { kind: 'hangBefore' }],
  [2, { kind: 'hangAfterCommit' }],
  [2, { kind: 'truncateBody' }],
  [4, { kind: 'commitLate', delayMs: LANDING_WINDOW_MS / 2 }],
  [1, { kind: 'garble' }],
  [1, { kind: 'garble', status: 204, body: '' }],
  [1, { kind: 'nullKey' }],
];

const readFaults: object[] = [
  { on: 'get', kind: 'failBefore', status: 503, probability: 0.05 },
  { on: 'get', kind: 'loseConnectionBefore', probability: 0.02 },
  { on: 'get', kind: 'truncateBody', probability: 0.01 },
  { on: 'get', kind: 'laggingRead', delayMs: READ_LAG_MS - 100, probability: 0.3 },
  { on: 'list', kind: 'failBefore', status: 503, probability: 0.05 },
  { on: 'list', kind: 'laggingRead', delayMs: READ_LAG_MS - 100, probability: 0.3 },
];

/** Changes that a proxy makes to any answer, and that a client must handle without an error. */
const answerFaults: Record<string, object[]> = {
  'encoded answers': ['gzip', 'br', 'deflate'].map((encoding) => ({
    kind: 'encode',
    encoding,
    probability: 0.01,
  })),
  'informational answers': [
    { kind: 'inform', probability: 0.01 },
    { kind: 'inform', status: 103, probability: 0.01 },
    { kind: 'inform', both: true, probability: 0.01 },
  ],
};

export const answerFaultNames: readonly string[] = Object.keys(answerFaults);

/**
 * The simulator tries one fault after the other. The probability of each is therefore conditional: of the
 * POSTs that no fault before it has hit.
 */
const postFaultsOf = (share: number): object[] => {
  const totalWeight = postFaults.reduce((sum, [weight]) => sum + weight, 0);
  let left = 1;
  return postFaults.map(([weight, fault]) => {
    const own = (share * weight) / totalWeight;
    const probability = own / left;
    left -= own;
    return { ...fault, on: 'rotate', times: 0, probability };
  });
};

/** The faults of a run: of this share of the POSTs, of reads, and of answers. */
export const scriptedFaults = (share: number, without: readonly string[]): object[] => [
  ...postFaultsOf(share),
  ...readFaults.map((fault) => ({ times: 0, ...fault })),
  ...Object.entries(answerFaults).flatMap(([name, faults]) => (without.includes(name) ? [] : faults)),
];
