import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findByTicket, type Place, Places, type Ticket, ticketOf } from './places.ts';

const listener = { onAnswer: () => undefined, onFailure: () => undefined };

describe('For any order of calls and last words, the places of a link', () => {
  it('are as many as the window says, and a ticket finds its own call or nothing', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.constant({ kind: 'take' as const, index: 0 }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('free' as const), index: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 1, max: 5 }), (steps, window) => {
        const places = new Places(window);
        const underWay = new Map<Ticket, Place>();
        const ended: Ticket[] = [];
        for (const { kind, index } of steps) {
          if (kind === 'take') {
            const place = places.take(listener, 0, 0);
            expect(place === null).toBe(underWay.size === window);
            if (place !== null) {
              const ticket = ticketOf(place);
              expect(underWay.has(ticket) || ended.includes(ticket)).toBe(false);
              expect(place.slot).toBeLessThan(window);
              underWay.set(ticket, place);
            }
          } else {
            const ticket = [...underWay.keys()][index % Math.max(underWay.size, 1)];
            const place = underWay.get(ticket ?? -1);
            if (ticket === undefined || place === undefined) continue;
            places.free(place);
            underWay.delete(ticket);
            ended.push(ticket);
          }
          expect(places.taken).toBe(underWay.size);
          expect(places.hasRoom).toBe(underWay.size < window);
          for (const [ticket, place] of underWay) expect(findByTicket(places, ticket)).toBe(place);
          for (const ticket of ended) expect(findByTicket(places, ticket)).toBeNull();
        }
      }),
      { numRuns: 300 },
    );
  });

  it('begin their generations again after four billion calls, and still tell neighbours apart', () => {
    const places = new Places(1);
    const first = places.take(listener, 0, 0);
    if (first === null) throw new Error('There is room.');
    first.generation = 0xffff_ffff;
    const old = ticketOf(first);
    expect(findByTicket(places, old)).toBe(first);
    places.free(first);
    const next = places.take(listener, 0, 0);
    expect(next?.generation).toBe(0);
    expect(findByTicket(places, old)).toBeNull();
    expect(findByTicket(places, ticketOf(first))).toBe(next);
  });

  it('are found in the highest slot and generation that the wire carries', () => {
    const places = new Places(65_536);
    for (let slot = 0; slot < 65_536; slot++) places.take(listener, 0, 0);
    const last = places.find(65_535, 1);
    if (last === null) throw new Error('It was taken.');
    last.generation = 0xffff_ffff;
    expect(findByTicket(places, ticketOf(last))).toBe(last);
    expect(places.take(listener, 0, 0)).toBeNull();
  });
});
