import type { Nats } from '@tenantry/events/nats.ts';
import { openWorkQueue, type WorkQueue } from '@tenantry/events/work-queue.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { CountedUse, GiveBack } from './give-back.ts';

/** Longer than any outage of subscriptions should last; what is older stays counted. */
const MAX_AGE_MS = 86_400_000;

/** Uses to give back, of all gateways: whichever is free asks. What a process has put here outlives it. */
export const openGiveBackQueue = (options: {
  readonly nats: Nats;
  readonly give: GiveBack;
  readonly logger: Logger;
}): WorkQueue<CountedUse> =>
  openWorkQueue({
    nats: options.nats,
    name: 'gateway-give-backs',
    maxAgeMs: MAX_AGE_MS,
    handle: options.give,
    onError: (error) => options.logger.warn({ err: error }, 'uses to give back wait'),
  });
