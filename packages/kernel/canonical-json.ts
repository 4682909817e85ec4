/**
 * JSON with sorted keys and no spaces (the parts of RFC 8785 that our documents need: no floats occur in them), so that
 * equal values have equal bytes: for request fingerprints, hashes and "replayed to the same bytes".
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'bigint') return inner.toString();
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  });
}
