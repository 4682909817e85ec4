type Away = { untilMs: number; failures: number; isBeingTried: boolean };

/** Grows so that the server need not hand out everything that waits each second. */
const DELAYS_MS: readonly number[] = [1_000, 1_000, 2_000, 4_000, 8_000];
const WHILE_TRIED_MS = 1_000;

/**
 * Tenants whose database is away. Each attempt may take as long as a silent server is waited for, so one event at a time
 * finds out whether it is back, and the others of its tenant wait; else they would take every place from other tenants.
 */
export class AwayTenants {
  readonly #away = new Map<string, Away>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Until when an event waits without an attempt. Undefined where it may be made: say afterwards how it went. */
  waitsUntilMs(tenant: string): number | undefined {
    const away = this.#away.get(tenant);
    if (away === undefined) return undefined;
    const nowMs = this.#nowMs();
    if (away.isBeingTried) return nowMs + WHILE_TRIED_MS;
    if (nowMs < away.untilMs) return away.untilMs;
    away.isBeingTried = true;
    return undefined;
  }

  /** @returns until when its events wait */
  noteAway(tenant: string): number {
    const nowMs = this.#nowMs();
    const away = this.#away.get(tenant) ?? { untilMs: nowMs, failures: 0, isBeingTried: false };
    this.#away.set(tenant, away);
    // Of many that were under way together only the first counts.
    if (!away.isBeingTried && nowMs < away.untilMs) return away.untilMs;
    away.isBeingTried = false;
    away.untilMs = nowMs + (DELAYS_MS[away.failures++] ?? DELAYS_MS.at(-1) ?? 0);
    return away.untilMs;
  }

  noteBack(tenant: string): void {
    this.#away.delete(tenant);
  }
}
