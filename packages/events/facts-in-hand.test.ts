import { describe, expect, it } from 'vitest';
import { FactsInHand } from './facts-in-hand.ts';
import type { OutboxRow } from './outbox-row.ts';

const row = (seq: number, aggregateid: string): OutboxRow => ({
  seq: BigInt(seq),
  id: '',
  tenant_id: '',
  aggregateid,
  aggregateversion: seq,
  type: '',
  payload: null,
  traceparent: '',
  occurred_at: Temporal.Instant.fromEpochMilliseconds(0),
  redrive: null,
});

/** Publishing that ends when the test says so. */
function holdFacts() {
  const begun: number[] = [];
  const open = new Map<number, PromiseWithResolvers<void>>();
  const heard: string[] = [];
  const facts = new FactsInHand(
    ({ seq }) => {
      begun.push(Number(seq));
      const gate = Promise.withResolvers<void>();
      open.set(Number(seq), gate);
      return gate.promise;
    },
    { acknowledged: () => heard.push('acknowledged'), refused: () => heard.push('refused') },
  );
  const end = async (seq: number, error?: Error): Promise<void> => {
    if (error === undefined) open.get(seq)?.resolve();
    else open.get(seq)?.reject(error);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { facts, begun, heard, end };
}

describe('Facts in hand', () => {
  it('are published side by side between aggregates, and one after the other within one, also when read later', async () => {
    const { facts, begun, end } = holdFacts();
    facts.take([row(1, 'a'), row(2, 'b'), row(3, 'a')]);
    facts.take([row(4, 'a'), row(5, 'c')]);
    expect(begun).toEqual([1, 2, 5]);
    await end(1);
    await end(3);
    expect(begun).toEqual([1, 2, 5, 3, 4]);
    expect([...facts.published]).toEqual([1n, 3n]);
    await end(4);
    facts.take([row(6, 'a')]);
    expect(begun.at(-1)).toBe(6);
  });

  it('are not read again until they are deleted', async () => {
    const { facts, end } = holdFacts();
    facts.take([row(1, 'a'), row(2, 'b')]);
    await end(1);
    expect([...facts.seqs]).toEqual([1n, 2n]);
    facts.forget(facts.published);
    expect([...facts.seqs]).toEqual([2n]);
    expect(facts.published).toEqual([]);
  });

  it('that are refused hold back their aggregate and no other', async () => {
    const { facts, begun, heard, end } = holdFacts();
    facts.take([row(1, 'a'), row(2, 'a'), row(3, 'b'), row(4, 'b')]);
    const refusal = new Error('too large');
    await end(1, refusal);
    facts.take([row(5, 'a')]);
    await end(3);
    expect(begun).toEqual([1, 3, 4]);
    expect(facts.failure).toEqual({ error: refusal });
    expect(heard).toEqual(['refused', 'acknowledged']);
  });

  it('settle when what was begun has ended, and begin nothing more', async () => {
    const { facts, begun, end } = holdFacts();
    facts.take([row(1, 'a'), row(2, 'a')]);
    let isSettled = false;
    const settling = facts.settle().then(() => {
      isSettled = true;
    });
    await Promise.resolve();
    expect(isSettled).toBe(false);
    await end(1);
    await settling;
    expect(begun).toEqual([1]);
    expect([...facts.published]).toEqual([1n]);
  });
});
