/** For specs only: steps through a part of the ledger, by name. */
export type Flows = Record<string, () => Promise<void>>;
