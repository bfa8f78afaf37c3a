/**
 * Replaces a method of one call. V8 allocates a function literal that is assigned to a property in the old
 * generation: there, what it captures would outlive the call until the next full collection.
 */
export const override = <Target, Name extends keyof Target>(
  target: Target,
  name: Name,
  method: Target[Name],
): void => {
  target[name] = method;
};
