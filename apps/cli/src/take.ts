/** The first `limit` elements. Does not read beyond them. */
export async function* take<T>(elements: AsyncIterable<T>, limit: number): AsyncGenerator<T> {
  let left = limit;
  if (left <= 0) return;
  for await (const element of elements) {
    yield element;
    left -= 1;
    if (left <= 0) return;
  }
}
