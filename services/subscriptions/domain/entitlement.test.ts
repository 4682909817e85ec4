import { describe, expect, it } from 'vitest';
import { type Grant, grantedPeriod } from './entitlement.ts';
import { usageOf } from './usage.ts';

const START = Temporal.Instant.from('2027-01-31T03:00:00Z');
const END = Temporal.Instant.from('2027-02-28T03:00:00Z');
const active: Grant = {
  status: 'active',
  interval: 'month',
  anchor: { at: START, timeZone: 'Asia/Jakarta' },
  periodIndex: 0,
  periodEnd: END,
  cancelAtPeriodEnd: false,
  graceEndsAt: null,
};
const lastInstant = END.subtract({ milliseconds: 1 });

describe('What a subscription gives', () => {
  it('is its current period', () => {
    expect(grantedPeriod(active, lastInstant)).toEqual({ start: START, end: END });
  });

  it('is the next period from its first instant on, also before anybody has closed the old one', () => {
    expect(grantedPeriod(active, END)?.start).toEqual(END);
  });

  it('is nothing from the end of the period on when it was canceled', () => {
    const canceled = { ...active, cancelAtPeriodEnd: true };
    expect(grantedPeriod(canceled, lastInstant)).not.toBeNull();
    expect(grantedPeriod(canceled, END)).toBeNull();
  });

  it('goes on during the grace, and not after it', () => {
    const graceEndsAt = END.add({ hours: 24 * 7 });
    const pastDue: Grant = { ...active, status: 'past_due', graceEndsAt };
    expect(grantedPeriod(pastDue, graceEndsAt.subtract({ milliseconds: 1 }))).not.toBeNull();
    expect(grantedPeriod(pastDue, graceEndsAt)).toBeNull();
  });

  it.each(['incomplete', 'incomplete_expired', 'canceled', 'paused'])('is nothing while %s', (status) => {
    expect(grantedPeriod({ ...active, status }, START)).toBeNull();
  });
});

describe('What is left of a quota', () => {
  it('is never negative', () => {
    expect(usageOf('api-calls', 100, 250, END)).toMatchObject({ limit: 100, used: 250, remaining: 0 });
  });

  it('is not counted where there is no end', () => {
    expect(usageOf('api-calls', -1, 250, END)).toMatchObject({ limit: null, used: 250, remaining: null });
  });
});
