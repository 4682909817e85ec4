import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Observation, observe } from './observe.ts';
import { type Payment, refundedMinor } from './payment.ts';
import { apply, given, idr, now, refundId, requested, seen } from './test/given.ts';

const AMOUNT = 150_000;
const minutes = (count: number): Temporal.Instant => now.add({ minutes: count });

/** The answers that one provider gives about one payment, in the order of its life. */
const history: fc.Arbitrary<readonly Observation[]> = fc
  .record({
    end: fc.constantFrom('pending', 'expired', 'canceled', 'denied', 'settled', 'reversed', 'charged_back'),
    refunds: fc.array(fc.integer({ min: 1, max: 60_000 }), { maxLength: 4 }),
    settlesAfterMinutes: fc.integer({ min: 1, max: 15 }),
  })
  .map(({ end, refunds, settlesAfterMinutes }) => {
    const known = { transactionId: 't-1', expiresAt: minutes(15) };
    const created = seen('pending', { ...known, instructions: { qrString: '000201', qrImageUrl: null } });
    const asked = seen('pending', known); // a status answer has no code in it
    if (end === 'pending') return [created, asked];
    if (end === 'expired' || end === 'canceled' || end === 'denied') return [created, asked, seen(end, known)];
    const paid = { ...known, settledAt: minutes(settlesAfterMinutes) };
    const answers = [created, asked, seen('settled', paid)];
    // Midtrans takes back the settlement time together with the settlement.
    if (end === 'reversed') return [...answers, seen('denied', known)];
    let left = AMOUNT;
    const done: { id: ReturnType<typeof refundId>; amount: ReturnType<typeof idr> }[] = [];
    for (const [index, amount] of refunds.entries()) {
      if (amount > left) break;
      left -= amount;
      done.push({ id: refundId(index), amount: idr(amount) });
      answers.push(seen('settled', { ...paid, refunds: [...done] }));
    }
    return end === 'settled' ? answers : [...answers, seen('charged_back', { ...paid, refunds: [...done] })];
  });

/** The same answers in another order, some of them twice or more. */
const shuffled = history.chain((answers) =>
  fc
    .tuple(
      fc.shuffledSubarray([...answers], { minLength: answers.length, maxLength: answers.length }),
      fc.array(fc.constantFrom(...answers), { maxLength: 6 }),
      fc.array(fc.nat(), { minLength: 6, maxLength: 6 }),
    )
    .map(([order, extra, places]) => ({
      answers,
      heard: extra.reduce(
        (list, answer, index) => list.toSpliced((places[index] ?? 0) % (list.length + 1), 0, answer),
        [...order],
      ),
    })),
);

const hear = (payment: Payment, answer: Observation): Payment => apply(payment, observe(payment, answer, now));

describe('Answers of one provider history', () => {
  it('lead to the same payment in every order and however often each is heard', () => {
    fc.assert(
      fc.property(shuffled, ({ answers, heard }) => {
        const inOrder = answers.reduce(hear, given(requested()));
        const asHeard = heard.reduce(hear, given(requested()));
        expect(asHeard).toEqual(inOrder);
      }),
      { numRuns: 2_000 },
    );
  });

  it('tell each thing once: settled, failed and every refund', () => {
    fc.assert(
      fc.property(shuffled, ({ heard }) => {
        let payment = given(requested());
        const told: string[] = [];
        for (const answer of heard) {
          const events = observe(payment, answer, now);
          for (const event of events)
            told.push(event.type === 'refund-succeeded' ? `refund ${event.data.refundId}` : event.type);
          payment = apply(payment, events);
        }
        const facts = told.filter((fact) => fact !== 'payment-registered');
        expect(new Set(facts).size).toBe(facts.length);
        expect(refundedMinor(payment)).toBeLessThanOrEqual(BigInt(AMOUNT));
      }),
      { numRuns: 1_000 },
    );
  });
});
