import type { Principal } from '@tenantry/auth/principal.ts';
import { parseInstant } from '@tenantry/kernel/instant.ts';
import { validationFailed } from '@tenantry/kernel/problems.ts';
import type { UsageOfDay } from '../store/usage-events.ts';
import type { SubscriptionsDeps } from './deps.ts';

const DEFAULT_DAYS = 31;
const MAX_DAYS = 366;

export type UsageQuestion = {
  readonly feature?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
};

/** The caller's own use per day of the tenant's calendar, newest day first; the last month unless said. */
export const readUsage =
  ({ tenants, usageEvents, clock }: SubscriptionsDeps) =>
  async (principal: Principal, question: UsageQuestion): Promise<readonly UsageOfDay[]> => {
    const { timeZone } = await tenants.get(principal.tenantId);
    const to = question.to === undefined ? clock.now() : readInstant(question.to, 'to');
    const from =
      question.from === undefined ? to.subtract({ hours: 24 * DEFAULT_DAYS }) : readInstant(question.from, 'from');
    const days = to.since(from, { largestUnit: 'hours' }).hours / 24;
    if (days < 0) throw unreadable('from', 'must not be after "to"');
    if (days > MAX_DAYS) throw unreadable('from', `must be at most ${MAX_DAYS} days before "to"`);
    return usageEvents.sumPerDay(principal.tenantId, {
      subscriberId: principal.id,
      feature: question.feature ?? null,
      from,
      to,
      timeZone,
    });
  };

function readInstant(text: string, name: 'from' | 'to'): Temporal.Instant {
  try {
    return parseInstant(text);
  } catch {
    // The pattern admits 2026-02-30, which no calendar has.
    throw unreadable(name, 'must be an instant that exists');
  }
}

const unreadable = (name: string, message: string) =>
  validationFailed(`The range cannot be read: ${name} ${message}.`, { errors: [{ path: `query/${name}`, message }] });
