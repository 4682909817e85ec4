/**
 * The path of the first text in a JSON value that is no text to PostgreSQL, or null: a NUL, or half of a surrogate pair
 * (JSON can spell both). Stored, the one is refused and the other silently changed, so neither gets that far.
 */
export function findIllFormedText(value: unknown): string | null {
  const waiting: { readonly value: unknown; readonly path: string }[] = [{ value, path: '' }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next.value === 'string') {
      if (!next.value.isWellFormed() || next.value.includes('\u0000')) return next.path === '' ? '/' : next.path;
    } else if (typeof next.value === 'object' && next.value !== null) {
      for (const [name, inner] of Object.entries(next.value))
        waiting.push({ value: inner, path: `${next.path}/${name}` });
    }
  }
  return null;
}
