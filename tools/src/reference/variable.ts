/** What a variable of the environment means. Its default and its values come from the code that parses it. */
export interface Variable {
  /** Who takes it beside gateway and worker, whose schemas say so themselves. */
  also?: readonly ('`rekey`' | '`rekey doctor`' | '`npm start`' | 'simulator')[];
  /** Of a variable that no schema parses, or if the schema's default is not the whole truth. */
  default?: string;
  meaning: string;
}
