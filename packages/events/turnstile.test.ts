import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Turnstile } from './turnstile.ts';

describe('A turnstile', () => {
  it('never has anybody beside who is to be alone, and lets everybody in, in any order of coming and going', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ alone: fc.boolean(), staysFor: fc.nat(4), comesAfter: fc.nat(3) }), { maxLength: 40 }),
        async (visits) => {
          const turnstile = new Turnstile();
          const inside: { alone: boolean }[] = [];
          let visited = 0;
          const turns = async (count: number) => {
            for (let turn = 0; turn < count; turn++) await Promise.resolve();
          };
          await Promise.all(
            visits.map(async (visit) => {
              await turns(visit.comesAfter);
              await turnstile.enter(visit.alone);
              inside.push(visit);
              await turns(visit.staysFor);
              if (inside.some(({ alone }) => alone)) expect(inside).toHaveLength(1);
              inside.splice(inside.indexOf(visit), 1);
              visited++;
              turnstile.leave();
            }),
          );
          expect(visited).toBe(visits.length);
        },
      ),
    );
  });

  it('lets those who need no solitude in side by side', async () => {
    const turnstile = new Turnstile();
    await turnstile.enter(false);
    await turnstile.enter(false);
    let isIn = false;
    const alone = turnstile.enter(true).then(() => {
      isIn = true;
    });
    turnstile.leave();
    await Promise.resolve();
    expect(isIn).toBe(false);
    turnstile.leave();
    await alone;
    expect(isIn).toBe(true);
  });
});
