import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { ReadyLines } from './ready-lines.ts';

/** What is told whoever delivered it. */
type Receipt = { readonly seq: number; readonly working: () => void };

export type EventInLine<R extends Receipt = Receipt> = {
  readonly event: EventEnvelope;
  readonly bytes: number;
  /** Of its latest delivery. */
  receipt: R;
  /** Those that have failed. */
  attempts: number;
};

type Line<R extends Receipt> = {
  readonly key: string;
  readonly tenant: string;
  /** In the order of their stream. */
  readonly events: EventInLine<R>[];
  resting: NodeJS.Timeout | null;
};

export type LinesOptions<R extends Receipt> = {
  /** Resolves with null when the event is done, else with the milliseconds until it is to be tried again. Never rejects. */
  readonly work: (inLine: EventInLine<R>) => Promise<number | null>;
  /** How many are worked on at a time, and of one tenant. */
  readonly places: number;
  readonly placesOfTenant: number;
  /** How many may be here: all of them, and those that do not rest. */
  readonly most: number;
  readonly mostAhead: number;
  readonly mostBytes: number;
};

/** Well within the time that the server waits for an acknowledgement. */
const WORKING_EVERY_MS = 10_000;

/**
 * The events that a consumer has been given and has not done, one line per aggregate: one at a time is worked on, those
 * behind wait for it, also while it rests until its next attempt; then they go on at once, without another delivery. Between
 * tenants places are given in turn, however much of one is here.
 */
export class EventLines<R extends Receipt> {
  readonly #options: LinesOptions<R>;
  readonly #lines = new Map<string, Line<R>>();
  readonly #ready: ReadyLines<Line<R>>;
  readonly #telling: NodeJS.Timeout;
  #size = 0;
  #bytes = 0;
  #resting = 0;
  #isEnded = false;
  #onRoom: () => void = () => undefined;
  #onIdle: () => void = () => undefined;

  constructor(options: LinesOptions<R>) {
    this.#options = options;
    this.#ready = new ReadyLines(options.places, options.placesOfTenant);
    this.#telling = setInterval(() => this.#tellWorking(), WORKING_EVERY_MS);
  }

  /** How many events rest, or wait behind one that does. */
  get resting(): number {
    return this.#resting;
  }

  get hasRoom(): boolean {
    const { most, mostAhead, mostBytes } = this.#options;
    return this.#size < most && this.#bytes < mostBytes && this.#size - this.#resting < mostAhead;
  }

  /** What is here already only gets its newer receipt. */
  take(event: EventEnvelope, receipt: R, bytes: number): void {
    if (this.#isEnded) return;
    const key = `${event.tenantid} ${event.subject}`;
    const line = this.#lines.get(key) ?? this.#open(key, event.tenantid);
    const place = placeOf(receipt.seq, line.events);
    const known = line.events[place];
    if (known?.receipt.seq === receipt.seq) {
      known.receipt = receipt;
      return;
    }
    line.events.splice(place, 0, { event, bytes, receipt, attempts: 0 });
    this.#size++;
    this.#bytes += bytes;
    if (line.resting !== null) this.#resting++;
    else if (line.events.length === 1) this.#ready.add(line);
    this.#work();
  }

  /** Resolves when there is room again, or nothing more is to come. For one caller. */
  room(): Promise<void> {
    if (this.hasRoom || this.#isEnded) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  /** Leaves alone what has not been begun, and resolves when nothing is being worked on any more. */
  end(): Promise<void> {
    this.#isEnded = true;
    clearInterval(this.#telling);
    for (const { resting } of this.#lines.values()) if (resting !== null) clearTimeout(resting);
    this.#onRoom();
    if (this.#ready.placesTaken === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #open(key: string, tenant: string): Line<R> {
    const line: Line<R> = { key, tenant, events: [], resting: null };
    this.#lines.set(key, line);
    return line;
  }

  #work(): void {
    while (!this.#isEnded) {
      const line = this.#ready.takePlace();
      if (line === null) return;
      void this.#workOn(line);
    }
  }

  async #workOn(line: Line<R>): Promise<void> {
    const [first] = line.events;
    if (first === undefined) throw new Error('A line without events.');
    const againInMs = await this.#options.work(first);
    this.#ready.leavePlace(line.tenant);
    if (againInMs === null) this.#remove(line, first);
    if (line.events.length === 0) this.#lines.delete(line.key);
    else if (againInMs === null) this.#ready.add(line);
    else this.#rest(line, againInMs);
    this.#work();
    if (this.hasRoom) this.#onRoom();
    if (this.#isEnded && this.#ready.placesTaken === 0) this.#onIdle();
  }

  #remove({ events }: Line<R>, done: EventInLine<R>): void {
    events.splice(events.indexOf(done), 1);
    this.#size--;
    this.#bytes -= done.bytes;
  }

  #rest(line: Line<R>, forMs: number): void {
    if (this.#isEnded) return;
    this.#resting += line.events.length;
    line.resting = setTimeout(() => {
      line.resting = null;
      this.#resting -= line.events.length;
      this.#ready.add(line);
      this.#work();
    }, forMs);
  }

  /** The server would deliver again what it does not hear of. */
  #tellWorking(): void {
    for (const { events } of this.#lines.values()) for (const { receipt } of events) receipt.working();
  }
}

/** Where it is, or is to be. Mostly at the end; but after a lost connection a line of thousands may come again, from its beginning. */
function placeOf(seq: number, events: readonly EventInLine[]): number {
  let [from, to] = [0, events.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((events[middle]?.receipt.seq ?? 0) < seq) from = middle + 1;
    else to = middle;
  }
  return from;
}
