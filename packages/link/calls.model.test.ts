import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnsweringLink } from './answering-link.ts';
import { CallingLink } from './calling-link.ts';
import type { IncomingCall } from './incoming-call.ts';
import { LinkFailure } from './link-failure.ts';
import type { Ticket } from './places.ts';
import { streamPair } from './test/stream-pair.ts';

type Outcome = 'answered' | 'refused' | 'cancelled' | 'lost';
type Call = { readonly id: number; readonly ticket: Ticket; outcome: Outcome | null };

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), index: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('answer' as const), index: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('refuse' as const), index: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), index: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel-again' as const), index: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('turn' as const), index: fc.nat(3) }) },
);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const pick = <T>(from: readonly T[], index: number): T | undefined => from[index % Math.max(from.length, 1)];

/** Both real ends, over a network that cuts as it likes, beside a list of what ought to be. */
class World {
  readonly calls: Call[] = [];
  readonly handled: IncomingCall[] = [];
  readonly server: AnsweringLink;
  readonly client: CallingLink;
  readonly window: number;
  readonly seen = new Set<number>();

  constructor(window: number, cut: (bytes: number) => number) {
    const [near, far] = streamPair(cut);
    this.window = window;
    this.server = new AnsweringLink(far, {
      window,
      handle: (call) => {
        const id = Number(call.path.slice(1));
        expect(this.seen.has(id)).toBe(false);
        this.seen.add(id);
        this.handled.push(call);
      },
      onFault: (fault) => {
        throw fault;
      },
    });
    this.client = new CallingLink(near, {});
  }

  get waiting(): Call[] {
    return this.calls.filter(({ outcome }) => outcome === null);
  }

  send(): void {
    const id = this.calls.length;
    const { hasRoom } = this.client;
    const settle = (outcome: Outcome): void => {
      const call = this.calls[id];
      if (call === undefined) throw new Error('It was told before it was begun.');
      expect(call.outcome).toBeNull();
      call.outcome = outcome;
    };
    const begun = this.client.send(
      { method: 'POST', path: `/${id}`, headers: [], body: null, deadlineMs: Number.POSITIVE_INFINITY },
      {
        onAnswer: (_status, headers, body) => {
          expect(headers).toEqual(['x-id', String(id)]);
          expect(body.toString()).toBe(`answer to ${id}`);
          settle('answered');
        },
        onFailure: ({ reason, mayHaveActed }) => {
          settle(reason === 'lost' ? 'lost' : 'refused');
          if (reason !== 'lost') expect({ reason, mayHaveActed }).toEqual({ reason: 'busy', mayHaveActed: false });
        },
      },
    );
    expect(begun instanceof LinkFailure).toBe(!hasRoom);
    if (begun instanceof LinkFailure) expect(begun).toMatchObject({ reason: 'busy', mayHaveActed: false });
    else this.calls.push({ id, ticket: begun, outcome: null });
  }

  answer(index: number, isRefused: boolean): void {
    const call = pick(this.handled, index);
    if (call === undefined) return;
    this.handled.splice(this.handled.indexOf(call), 1);
    const id = call.path.slice(1);
    if (isRefused) call.refuse();
    else call.answer(200, ['x-id', id], `answer to ${id}`);
  }

  cancel(index: number): void {
    const call = pick(this.waiting, index);
    if (call === undefined) return;
    expect(this.client.cancel(call.ticket)).toBe(true);
    call.outcome = 'cancelled';
  }

  cancelAgain(index: number): void {
    const ended = this.calls.filter(({ outcome }) => outcome !== null);
    const call = pick(ended, index);
    if (call !== undefined) expect(this.client.cancel(call.ticket)).toBe(false);
  }

  check(): void {
    const { inFlight, abandoned } = this.client.gauges;
    expect(inFlight - abandoned).toBe(this.waiting.length);
    expect(inFlight).toBeLessThanOrEqual(this.window);
    expect(this.server.inFlight).toBe(this.handled.length);
    expect(this.server.inFlight).toBeLessThanOrEqual(inFlight); // a credit is back only when its work has ended
    expect(this.server.inFlight).toBeLessThanOrEqual(this.window);
  }
}

describe('For any history of calls, cancellations and late answers, two ends', () => {
  it('give every call its own answer or none, and every credit back exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 80 }),
        fc.integer({ min: 1, max: 4 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 200 })),
        async (steps, window, cuts) => {
          const world = new World(window, () => cuts.next().value ?? 1);
          await world.client.opened;
          for (const { kind, index } of steps) {
            if (kind === 'send') world.send();
            else if (kind === 'answer') world.answer(index, false);
            else if (kind === 'refuse') world.answer(index, true);
            else if (kind === 'cancel') world.cancel(index);
            else if (kind === 'cancel-again') world.cancelAgain(index);
            else for (let turns = 0; turns <= index; turns++) await turn();
            world.check();
          }
          for (let turns = 0; world.client.gauges.inFlight > 0; turns++) {
            expect(turns).toBeLessThan(2_000);
            while (world.handled.length > 0) world.answer(0, false);
            await turn();
          }
          expect(world.waiting).toEqual([]);
          // Every credit is back, and not one more.
          for (let credit = 0; credit < window; credit++) {
            expect(world.client.hasRoom).toBe(true);
            world.send();
          }
          expect(world.client.hasRoom).toBe(false);
          world.client.close();
          expect(world.calls.slice(-window).map(({ outcome }) => outcome)).toEqual(new Array(window).fill('lost'));
          await world.server.ended;
        },
      ),
      { numRuns: 300 },
    );
  });
});
