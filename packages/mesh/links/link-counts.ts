import type { CallingLink, LinkGauges } from '@tenantry/link/calling-link.ts';
import type { EndReason, LinkEnd } from '@tenantry/link/link-end.ts';

/** What all links of this process to the instances of one service have carried, and carry now. */
export type LinkFigures = LinkGauges & {
  readonly callee: string;
  /** That take calls, or have some under way. */
  readonly connections: number;
  /** Attempts after which there was no link. */
  readonly openFailures: number;
  /** Links that were open and have ended, by why. */
  readonly ends: ReadonlyMap<EndReason, number>;
};

/** The links to one service. A link counts for itself; what it counted stays when it has ended. */
export class CalleeLinks {
  readonly callee: string;
  readonly #open = new Set<CallingLink>();
  readonly #ends = new Map<EndReason, number>();
  #past: LinkGauges = NOTHING;
  #openFailures = 0;
  #turnedAway = 0;

  constructor(callee: string) {
    this.callee = callee;
  }

  opened(link: CallingLink): void {
    this.#open.add(link);
  }

  ended(link: CallingLink, { reason }: LinkEnd): void {
    if (!this.#open.delete(link)) return; // it never was open
    this.#past = sumOf(this.#past, link.gauges);
    this.#ends.set(reason, (this.#ends.get(reason) ?? 0) + 1);
  }

  notOpened(): void {
    this.#openFailures++;
  }

  /** A call for which a link had no room, so it was not even asked. */
  turnedAway(): void {
    this.#turnedAway++;
  }

  get figures(): LinkFigures {
    let sum = this.#past;
    for (const { gauges } of this.#open) sum = sumOf(sum, gauges);
    return {
      ...sum,
      callee: this.callee,
      connections: this.#open.size,
      withoutRoom: sum.withoutRoom + this.#turnedAway,
      openFailures: this.#openFailures,
      ends: this.#ends,
    };
  }
}

/** All links of one process, by the service that is called. */
export class LinkCounts {
  readonly #callees = new Map<string, CalleeLinks>();

  to(callee: string): CalleeLinks {
    let known = this.#callees.get(callee);
    if (known === undefined) {
      known = new CalleeLinks(callee);
      this.#callees.set(callee, known);
    }
    return known;
  }

  all(): readonly LinkFigures[] {
    return [...this.#callees.values()].map(({ figures }) => figures);
  }
}

const NOTHING: LinkGauges = {
  inFlight: 0,
  abandoned: 0,
  unsentBytes: 0,
  callsBegun: 0,
  withoutRoom: 0,
  framesWritten: 0,
  writes: 0,
  bytesWritten: 0,
  bytesRead: 0,
};

const sumOf = (one: LinkGauges, other: LinkGauges): LinkGauges => ({
  inFlight: one.inFlight + other.inFlight,
  abandoned: one.abandoned + other.abandoned,
  unsentBytes: one.unsentBytes + other.unsentBytes,
  callsBegun: one.callsBegun + other.callsBegun,
  withoutRoom: one.withoutRoom + other.withoutRoom,
  framesWritten: one.framesWritten + other.framesWritten,
  writes: one.writes + other.writes,
  bytesWritten: one.bytesWritten + other.bytesWritten,
  bytesRead: one.bytesRead + other.bytesRead,
});
