import { validationFailed } from '@tenantry/kernel/problems.ts';

/** Refuses a name that the time zone database does not know; offsets are no zones, they have no calendar. */
export function checkTimeZone(name: string): void {
  try {
    if (/^[A-Za-z]/.test(name)) {
      Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
      return;
    }
  } catch {
    // told below
  }
  const message = 'must be an IANA time zone such as Asia/Jakarta';
  throw validationFailed(`timeZone ${message}.`, { errors: [{ path: '/timeZone', message }] });
}
