/** How much is measured. */
export interface Size {
  rotations: number;
  rounds: number;
}

/** Measures one thing, beside its plain alternative, and tells it in Markdown. */
export type Part = (size: Size, progress: (text: string) => void) => Promise<string>;
