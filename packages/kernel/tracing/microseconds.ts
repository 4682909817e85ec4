/** Clocks that are set by more than this have to be followed. */
const MOST_DRIFT_MS = 50;
const CHECK_EVERY_MS = 1_000;

let origin = performance.timeOrigin;
let checkedAtMs = 0;

/**
 * Since the epoch, for the beginnings of spans: finer than Date.now(), and right again within a second of the machine's
 * clock being set. Not for rules.
 */
export function microsecondsNow(): number {
  const nowMs = performance.now();
  if (nowMs - checkedAtMs > CHECK_EVERY_MS) {
    checkedAtMs = nowMs;
    const drift = Date.now() - (origin + nowMs);
    if (Math.abs(drift) > MOST_DRIFT_MS) origin += drift;
  }
  return Math.round((origin + nowMs) * 1_000);
}
