const providerZone = 'Asia/Jakarta';
const requestTimePattern = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) ([+-]\d{2})(\d{2})$/;

/** `YYYY-MM-DD HH:MM:SS` in GMT+7 without naming the zone, as in every Midtrans answer and notification. */
export function formatProviderTime(atMs: number): string {
  const local = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(providerZone).toPlainDateTime();
  return local.round({ smallestUnit: 'second', roundingMode: 'floor' }).toString().replace('T', ' ');
}

/** Requests do name their zone: `2026-11-21 09:30:00 +0700`. Answers undefined for anything else. */
export function parseRequestTime(text: string): number | undefined {
  const match = requestTimePattern.exec(text);
  if (match === null) return undefined;
  const [, date, time, hours, minutes] = match;
  try {
    return Temporal.Instant.from(`${date}T${time}${hours}:${minutes}`).epochMilliseconds;
  } catch {
    return undefined; // a well-formed text that is no date, such as 30 February
  }
}
