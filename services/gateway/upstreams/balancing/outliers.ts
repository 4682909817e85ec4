export type OutlierOptions = {
  /** So many failures one after another are enough. */
  readonly consecutiveFailures: number;
  /** How often failure rates are compared. */
  readonly intervalMs: number;
  /** Below this many calls in an interval an instance is not compared. */
  readonly minimumCalls: number;
  /** How far above its peers' mean failure rate an instance may be, and the least rate that is worth a remark. */
  readonly deviations: number;
  readonly minimumRate: number;
  /** The first ejection; the n-th in a row lasts n times as long, up to the greatest. */
  readonly ejectionMs: number;
  readonly maxEjectionMs: number;
};

const DEFAULTS: OutlierOptions = {
  consecutiveFailures: 5,
  intervalMs: 10_000,
  minimumCalls: 20,
  deviations: 1.5,
  minimumRate: 0.1,
  ejectionMs: 30_000,
  maxEjectionMs: 300_000,
};

type Standing = {
  consecutive: number;
  calls: number;
  failed: number;
  ejectedUntilMs: number;
  /** Ejections in a row; a quiet interval takes one away. */
  ejections: number;
};

/**
 * Finds the instances of a group that do worse than their peers and takes them out for a while: never more than half of
 * the group, so that what ails all of them, and is no fault of any, cannot empty it.
 */
export class Outliers<Member extends object> {
  readonly #options: OutlierOptions;
  readonly #standings = new Map<Member, Standing>();
  #judgedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: Partial<OutlierOptions> = {}) {
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Who belongs to the group now; who has left is forgotten. */
  follow(members: Iterable<Member>): void {
    const current = new Set(members);
    for (const member of this.#standings.keys()) if (!current.has(member)) this.#standings.delete(member);
    for (const member of current)
      if (!this.#standings.has(member))
        this.#standings.set(member, { consecutive: 0, calls: 0, failed: 0, ejectedUntilMs: 0, ejections: 0 });
  }

  isEjected(member: Member, nowMs: number): boolean {
    const standing = this.#standings.get(member);
    return standing !== undefined && nowMs < standing.ejectedUntilMs;
  }

  /** When the latest ejection of a member ended or will end; 0 for one that has never been ejected. */
  ejectedUntilMs(member: Member): number {
    return this.#standings.get(member)?.ejectedUntilMs ?? 0;
  }

  record(member: Member, isFailure: boolean, nowMs: number): void {
    const standing = this.#standings.get(member);
    if (standing === undefined) return;
    if (nowMs - this.#judgedAtMs >= this.#options.intervalMs) this.#compare(nowMs);
    standing.calls++;
    standing.consecutive = isFailure ? standing.consecutive + 1 : 0;
    if (!isFailure) return;
    standing.failed++;
    if (standing.consecutive >= this.#options.consecutiveFailures) this.#eject(standing, nowMs);
  }

  /** Compares the interval that has passed and begins the next. */
  #compare(nowMs: number): void {
    const isFirst = this.#judgedAtMs === Number.NEGATIVE_INFINITY;
    this.#judgedAtMs = nowMs;
    const all = [...this.#standings.values()];
    if (!isFirst) {
      const judged = all.filter(({ calls }) => calls >= this.#options.minimumCalls);
      const worst = judged.toSorted((a, b) => b.failed / b.calls - a.failed / a.calls);
      for (const standing of worst) if (this.#isOutlier(standing, judged)) this.#eject(standing, nowMs);
    }
    for (const standing of all) {
      if (standing.failed === 0 && nowMs >= standing.ejectedUntilMs && standing.ejections > 0) standing.ejections--;
      standing.calls = 0;
      standing.failed = 0;
    }
  }

  /** Against the others without itself: one bad of three would hide in a mean that it makes. */
  #isOutlier(standing: Standing, judged: readonly Standing[]): boolean {
    const peers = judged.filter((other) => other !== standing).map(({ failed, calls }) => failed / calls);
    if (peers.length === 0) return false;
    const mean = peers.reduce((sum, rate) => sum + rate, 0) / peers.length;
    const variance = peers.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / peers.length;
    const rate = standing.failed / standing.calls;
    return rate >= mean + this.#options.minimumRate && rate > mean + this.#options.deviations * Math.sqrt(variance);
  }

  #eject(standing: Standing, nowMs: number): void {
    if (nowMs < standing.ejectedUntilMs) return;
    const away = [...this.#standings.values()].filter(({ ejectedUntilMs }) => nowMs < ejectedUntilMs).length;
    if (away + 1 > Math.floor(this.#standings.size / 2)) return;
    standing.ejections++;
    standing.consecutive = 0;
    standing.ejectedUntilMs =
      nowMs + Math.min(this.#options.ejectionMs * standing.ejections, this.#options.maxEjectionMs);
  }
}
