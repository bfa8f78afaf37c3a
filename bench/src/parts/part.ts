interface Size {
  rotations: number;
  rounds: number;
}

/** Measures one subject, in comparison with a plain alternative. Resolves with a Markdown table. */
export type Part = (size: Size, progress: (text: string) => void) => Promise<string>;
