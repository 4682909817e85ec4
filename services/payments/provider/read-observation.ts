import { idFromUuid, isId, type PaymentId, type RefundId } from '@tenantry/kernel/id.ts';
import { type Money, parseMoney } from '@tenantry/kernel/money.ts';
import type { Observation } from '../domain/observe.ts';
import { derivedUuid } from './derived-uuid.ts';
import { type MidtransAnswer, providerUnavailable } from './midtrans-client.ts';
import { parseProviderTime } from './provider-time.ts';
import { readInstructions } from './read-instructions.ts';
import { ToldNothing } from './told-nothing.ts';

type Body = Readonly<Record<string, unknown>>;

/** Midtrans' states in our words. A state that appears one day is not guessed at. */
function readStanding(body: Body): Observation['standing'] | null {
  // Some methods answer in capitals.
  switch (String(body['transaction_status']).toLowerCase()) {
    case 'pending':
      return 'pending';
    case 'authorize':
      return 'authorized';
    case 'capture':
    case 'settlement':
      // Paid is: settlement or capture, and fraud_status absent or `accept`.
      return String(body['fraud_status'] ?? 'accept').toLowerCase() === 'accept' ? 'settled' : 'review';
    case 'refund':
    case 'partial_refund':
      return 'settled'; // how much of it went back is counted from the list of refunds
    case 'deny':
    case 'failure':
      return 'denied';
    case 'cancel':
      return 'canceled';
    case 'expire':
      return 'expired';
    case 'chargeback':
    case 'partial_chargeback':
      return 'charged_back';
    default:
      return null;
  }
}

/** Whether an answer tells of a transaction at all; refusals do not. */
export const tellsOfTransaction = (body: Body): boolean => typeof body['transaction_status'] === 'string';

/** Reads an answer that tells of a transaction. Unknown fields are ignored, as the documentation asks. */
export function readObservation(
  payment: { readonly id: PaymentId; readonly amount: Money },
  { body, answeredAt }: Pick<MidtransAnswer, 'body' | 'answeredAt'>,
): Observation {
  const standing = readStanding(body);
  if (standing === null)
    throw providerUnavailable(new ToldNothing('Midtrans answered with a status that we do not know.'));
  // Somebody else's transaction under our order id would settle the wrong thing.
  if (readRupiah(body['gross_amount'])?.minor !== payment.amount.minor) {
    throw providerUnavailable(new ToldNothing(`Midtrans has another amount for ${payment.id}.`));
  }
  return {
    standing,
    answeredAt,
    transactionId: typeof body['transaction_id'] === 'string' ? body['transaction_id'] : null,
    instructions: readInstructions(body),
    // One sample of Midtrans' OpenAPI document calls it expire_time.
    expiresAt: parseProviderTime(body['expiry_time'] ?? body['expire_time']),
    settledAt: parseProviderTime(body['settlement_time']),
    refunds: readRefunds(payment.id, body['refunds']),
  };
}

/** Requests carry whole rupiah, answers two decimals: `"150000.00"`. */
function readRupiah(value: unknown): Money | null {
  const match = /^(\d{1,15})(?:\.0+)?$/.exec(String(value));
  return match?.[1] === undefined ? null : parseMoney({ amount: match[1], currency: 'IDR' });
}

function readRefunds(paymentId: PaymentId, list: unknown): Observation['refunds'] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return [];
    const refund = entry as Body;
    const amount = readRupiah(refund['refund_amount']);
    if (amount === null || amount.minor === 0n) return [];
    return [{ id: refundIdOf(paymentId, refund), amount }];
  });
}

/** Our refunds are named by their own id. One that somebody made in the dashboard gets an id from its key there. */
function refundIdOf(paymentId: PaymentId, refund: Body): RefundId {
  const key = String(refund['refund_key'] ?? refund['refund_chargeback_id']);
  return isId('rfd', key) ? key : idFromUuid('rfd', derivedUuid(`refund ${paymentId} ${key}`));
}
