/** Midtrans writes `YYYY-MM-DD HH:MM:SS` without a zone, always GMT+7 (WIB), which has no daylight saving. */
export function parseProviderTime(value: unknown): Temporal.Instant | null {
  if (typeof value !== 'string') return null;
  const match = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})$/.exec(value);
  if (match === null) return null;
  try {
    return Temporal.Instant.from(`${match[1]}T${match[2]}+07:00`);
  } catch {
    return null; // well-formed, but no date, such as 30 February
  }
}
