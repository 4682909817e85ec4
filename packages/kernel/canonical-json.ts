/**
 * JSON with keys in one order and no spaces, so that equal values have equal bytes: for request fingerprints, hashes and
 * "replayed to the same bytes". In the manner of RFC 8785, but not for exchange with other implementations: keys that
 * look like array indexes come first, and a bigint is written as a string. Nothing at all is written as `null`.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value ?? null, (_key, inner: unknown) => {
    if (typeof inner === 'bigint') return inner.toString();
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  });
}
