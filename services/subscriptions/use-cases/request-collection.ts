import { strict as assert } from 'node:assert';
import type { Principal } from '@tenantry/auth/principal.ts';
import { collectInvoice } from '@tenantry/billing/contract/invoices.ts';
import type { BodyOf, ResponseOf } from '@tenantry/contract/endpoint.ts';
import type { CustomerId, InvoiceId, PaymentId, SubscriptionId } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { toMoneyView } from '@tenantry/kernel/money.ts';
import { isTransient, Problem } from '@tenantry/kernel/problem.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { acceptCollection, refuseCollection } from '../domain/collection.ts';
import type { SubscriptionEvent } from '../domain/events.ts';
import type { Collection, Subscription } from '../domain/subscription.ts';
import { type LoadedSubscription, loadSubscription } from '../store/subscriptions.ts';
import type { SubscriptionsDeps } from './deps.ts';
import { saveSubscription } from './save-subscription.ts';

/** design.md §3: the first of three deadlines that shrink on the way to the provider. */
const COLLECT_TIMEOUT_MS = 8_000;

export type Collected = {
  readonly subscription: LoadedSubscription;
  readonly payment: ResponseOf<typeof collectInvoice>['payment'];
};

/**
 * Asks billing to collect the newest invoice. Repeatable: all it sends comes from the stream, under ids minted before.
 * Throws the refusal of the provider as it came (a first subscription then has expired), and `upstream-unavailable` when
 * nobody knows yet, in which case the due row asks again.
 */
export const requestCollection =
  ({ databases, mesh, logger }: SubscriptionsDeps) =>
  async (principal: Principal, { id, state }: LoadedSubscription): Promise<Collected> => {
    const { tenantId } = principal;
    const { collection } = state;
    assert(collection !== null, 'What costs nothing is not collected.');
    const note = (
      decide: (subscription: Subscription, invoiceId: string, now: Temporal.Instant) => readonly SubscriptionEvent[],
    ): Promise<LoadedSubscription> =>
      databases.withTenant(tenantId, async (uow) => {
        const current = await loadSubscription(uow, id);
        assert(current !== null, 'A stream does not go away.');
        const events = decide(current.state, collection.invoiceId, uow.now);
        if (events.length === 0) return current;
        return saveSubscription(uow, id, current, events, { principal, action: 'subscription:collect' });
      });
    try {
      const { payment } = await mesh.call(
        collectInvoice,
        { params: { invoiceId: collection.invoiceId as InvoiceId }, body: toCollectBody(id, state, collection) },
        { tenantId, onBehalfOf: state.subscriberId, timeoutMs: COLLECT_TIMEOUT_MS },
      );
      return { subscription: await note(acceptCollection), payment };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!isRefusal(error)) throw unanswered(error);
      logger.info({ subscriptionId: id, invoiceId: collection.invoiceId, code: error.kind.code }, 'collection refused');
      await note(refuseCollection);
      throw error;
    }
  };

/** What asking again would not change; a database of ours that is away is no refusal. */
const isRefusal = ({ kind }: Problem): boolean => kind.category === 'unprocessable' || kind.category === 'conflict';

/** Billing that is away is asked again; billing that does not understand us is a mistake of ours, not of the caller. */
const unanswered = (cause: Problem): Error =>
  isTransient(cause)
    ? collectionUnknown(cause)
    : new Error(`Billing does not take what we ask for: ${cause.message}`, { cause });

const collectionUnknown = (cause: Problem) =>
  upstreamUnavailable(
    'The payment could not be asked for yet. The subscription is kept and its payment will be asked for; repeat with the same Idempotency-Key to get it.',
    { cause, retryAfterSeconds: 2 },
  );

function toCollectBody(id: SubscriptionId, state: Subscription, collection: Collection): BodyOf<typeof collectInvoice> {
  assert(state.paymentMethod !== null, 'What is to be paid has a way to pay.');
  const { period } = collection;
  const line = {
    description: `${state.planName}, 1 ${state.interval}`,
    quantity: 1,
    unitPrice: toMoneyView(state.price),
  };
  return {
    paymentId: collection.paymentId as PaymentId,
    customerId: state.subscriberId as CustomerId,
    subscriptionId: id,
    lines: [
      period === null
        ? line
        : { ...line, period: { start: formatInstant(period.start), end: formatInstant(period.end) } },
    ],
    paymentMethod: state.paymentMethod,
    purpose: period === null ? 'order' : 'renewal',
    orderedAt: formatInstant(collection.orderedAt),
  };
}
