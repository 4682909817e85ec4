import type { AnswerListener } from './answer-listener.ts';

/** One of the calls that may be under way at a time. Used again and again: its generation tells the calls apart. */
export type Place = {
  readonly slot: number;
  generation: number;
  isTaken: boolean;
  /** Null once nobody waits for the answer; the place stays taken until the peer has said its last word about the call. */
  listener: AnswerListener | null;
  deadlineMs: number;
  /** The write it leaves with. */
  turn: number;
};

/** Names one call of one link for as long as the process lives. */
export type Ticket = number;

const SLOTS = 65_536;
const GENERATIONS = 0x1_0000_0000;

/**
 * The calls of a link, in an array with a list of what is free. Not a Map: one whose entries come and go keeps its old tables
 * alive, and with them the calls that were in them.
 */
export class Places {
  readonly all: Place[] = [];
  readonly #free: number[] = [];
  readonly #window: number;

  constructor(window: number) {
    this.#window = window;
  }

  get taken(): number {
    return this.all.length - this.#free.length;
  }

  get hasRoom(): boolean {
    return this.taken < this.#window;
  }

  /** Null when the window is full. What was used last is used first: it is still in the processor's cache. */
  take(listener: AnswerListener, deadlineMs: number, turn: number): Place | null {
    const slot = this.#free.pop();
    if (slot === undefined && this.all.length === this.#window) return null;
    const place = slot === undefined ? this.#add() : this.all[slot];
    if (place === undefined) return null;
    place.generation = (place.generation + 1) % GENERATIONS;
    place.isTaken = true;
    place.listener = listener;
    place.deadlineMs = deadlineMs;
    place.turn = turn;
    return place;
  }

  /** The place of a call that is under way; null for every other slot and generation. */
  find(slot: number, generation: number): Place | null {
    const place = this.all[slot];
    return place?.isTaken === true && place.generation === generation ? place : null;
  }

  free(place: Place): void {
    place.isTaken = false;
    place.listener = null;
    this.#free.push(place.slot);
  }

  #add(): Place {
    const place: Place = {
      slot: this.all.length,
      generation: 0,
      isTaken: false,
      listener: null,
      deadlineMs: 0,
      turn: 0,
    };
    this.all.push(place);
    return place;
  }
}

export const ticketOf = ({ slot, generation }: Place): Ticket => generation * SLOTS + slot;

export const findByTicket = (places: Places, ticket: Ticket): Place | null =>
  places.find(ticket % SLOTS, Math.floor(ticket / SLOTS));
