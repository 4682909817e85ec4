import { newId, type SubscriptionId } from '@tenantry/kernel/id.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hearFact, NOTHING_HEARD, type PlanFact, type PlanStanding } from './plan-standing.ts';

const FIRST = newId('sub');
const SECOND = newId('sub');
const hearAll = (facts: readonly PlanFact[], from: PlanStanding = NOTHING_HEARD): PlanStanding =>
  facts.reduce((standing, fact) => hearFact(standing, fact, 0), from);
const fact = (subscriptionId: SubscriptionId, version: number, plan: string | null): PlanFact => ({
  subscriptionId,
  version,
  plan,
});

/** A tenant that changes its mind: one subscription after the other, each with a beginning, renewals and mostly an end. */
const life = fc
  .array(
    fc.record({
      plans: fc.array(fc.constantFrom('pro', 'enterprise'), { minLength: 1, maxLength: 4 }),
      hasEnded: fc.boolean(),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((subscriptions) =>
    subscriptions.flatMap(({ plans, hasEnded }, index): PlanFact[] => {
      const id = newId('sub');
      const isLast = index === subscriptions.length - 1;
      const given = plans.map((plan, step) => fact(id, step + 2, plan));
      return hasEnded || !isLast ? [...given, fact(id, plans.length + 2, null)] : given;
    }),
  );

describe('The plan of a tenant', () => {
  it('is that of its subscription while it runs, and none before and after', () => {
    expect(NOTHING_HEARD.plan).toBeNull();
    const running = hearAll([fact(FIRST, 2, 'pro')]);
    expect(running.plan).toBe('pro');
    expect(hearAll([fact(FIRST, 3, null)], running).plan).toBeNull();
    expect(hearAll([fact(FIRST, 3, 'enterprise')], running).plan).toBe('enterprise');
  });

  it('is the same in the end in whatever order facts arrive, and however often', () => {
    fc.assert(
      fc.property(
        life.chain((facts) =>
          fc.record({
            facts: fc.constant(facts),
            heard: fc
              .tuple(fc.shuffledSubarray(facts, { minLength: facts.length }), fc.array(fc.constantFrom(...facts)))
              .chain(([once, again]) =>
                fc.shuffledSubarray([...once, ...again], { minLength: once.length + again.length }),
              ),
          }),
        ),
        ({ facts, heard }) => {
          const expected = facts.at(-1)?.plan ?? null;
          expect(hearAll(facts).plan).toBe(expected);
          expect(hearAll(heard).plan).toBe(expected);
          // And again, all of it: nothing is news.
          expect(hearAll(heard, hearAll(facts))).toEqual(hearAll(facts));
        },
      ),
    );
  });

  it('is not brought back by what is late: a renewal after the end, an activation after the order was given up', () => {
    const over = hearAll([fact(FIRST, 2, 'pro'), fact(FIRST, 7, null)]);
    expect(hearFact(over, fact(FIRST, 5, 'pro'), 0)).toBe(over);
    expect(hearFact(over, fact(FIRST, 7, null), 0)).toBe(over);
  });

  it('is the younger one’s while the end of the older has not been heard', () => {
    expect(hearAll([fact(SECOND, 2, 'enterprise'), fact(FIRST, 2, 'pro')]).plan).toBe('enterprise');
    expect(hearAll([fact(SECOND, 2, 'enterprise'), fact(SECOND, 3, null), fact(FIRST, 5, 'pro')]).plan).toBe('pro');
  });

  it('has a sequence that grows with each change of it, by nothing else, and never falls behind the clock', () => {
    const first = hearFact(NOTHING_HEARD, fact(FIRST, 2, 'pro'), 1_000);
    expect(first.sequence).toBe(1_000);
    expect(hearFact(first, fact(FIRST, 3, 'pro'), 9_000).sequence).toBe(1_000);
    expect(hearFact(first, fact(FIRST, 3, null), 900).sequence).toBe(1_001);
    expect(hearFact(NOTHING_HEARD, fact(FIRST, 3, null), 1_000).sequence).toBe(0);
  });

  it('remembers no endless row of ended subscriptions, and never forgets one that runs', () => {
    const running = hearAll([fact(FIRST, 2, 'pro')]);
    const many = hearAll(
      Array.from({ length: 300 }, () => fact(newId('sub'), 3, null)),
      running,
    );
    expect(Object.keys(many.subscriptions)).toHaveLength(101);
    expect(many.plan).toBe('pro');
  });
});
