import type { JsonObject } from './json.ts';
import { formatProviderTime } from './provider-time.ts';
import { formatRupiah } from './rupiah.ts';
import { signNotification } from './signature.ts';
import {
  approvedRefunds,
  isOnUs,
  type Refund,
  refundedAmount,
  type Transaction,
  type TransactionStatus,
} from './transaction.ts';

/**
 * The same state has different codes in a status answer and in a notification: an expired transaction is 407 when
 * asked for and 202 when told. The signature covers the code, so it differs too.
 */
function statusCodeOf(status: TransactionStatus, use: 'status' | 'notification'): string {
  switch (status) {
    case 'pending':
      return '201';
    case 'deny':
    case 'cancel':
    case 'failure':
      return '202';
    case 'expire':
      return use === 'status' ? '407' : '202';
    default:
      return '200';
  }
}

const identity = (transaction: Transaction): JsonObject => ({
  transaction_id: transaction.transactionId,
  order_id: transaction.orderId,
  merchant_id: transaction.merchantId,
  gross_amount: formatRupiah(transaction.grossAmount),
  currency: 'IDR',
  payment_type: transaction.method.type,
  transaction_time: formatProviderTime(transaction.transactionAtMs),
  transaction_status: transaction.status,
  fraud_status: 'accept', // also when the bank or wallet denies; only the fraud system, which cards have, says deny
});

/** What identifies the payment at the bank or wallet. Permata alone has a field of its own instead of `va_numbers`. */
function paymentCodeFields(transaction: Transaction): JsonObject {
  const { method } = transaction;
  switch (method.type) {
    case 'bank_transfer':
      return method.bank === 'permata'
        ? { permata_va_number: method.vaNumber }
        : { va_numbers: [{ bank: method.bank, va_number: method.vaNumber }] };
    case 'echannel':
      return { bill_key: method.billKey, biller_code: method.billerCode };
    case 'qris':
      return { acquirer: method.acquirer };
    case 'gopay':
      return {};
  }
}

/** What only becomes known when somebody paid. */
function paymentFields(transaction: Transaction): JsonObject {
  const { method, payer, settledAtMs } = transaction;
  if (method.type === 'bank_transfer' && method.bank !== 'permata') {
    const paid = { paid_at: formatProviderTime(settledAtMs ?? 0), amount: formatRupiah(transaction.grossAmount) };
    return { payment_amounts: settledAtMs !== null && method.bank === 'bni' ? [paid] : [] };
  }
  if (method.type !== 'qris' || payer === null) return {};
  const reference =
    method.acquirer === 'gopay'
      ? { merchant_cross_reference_id: payer.referenceId }
      : { shopeepay_reference_number: payer.referenceId, reference_id: transaction.transactionId };
  return { transaction_type: isOnUs(transaction) ? 'on-us' : 'off-us', issuer: payer.issuer, ...reference };
}

const refundView = (refund: Refund): JsonObject => ({
  refund_chargeback_id: refund.refundChargebackId,
  refund_amount: formatRupiah(refund.amount),
  created_at: formatProviderTime(refund.createdAtMs),
  reason: refund.reason,
  refund_key: refund.refundKey,
  refund_method: 'online',
  ...(refund.bankConfirmedAtMs === null ? {} : { bank_confirmed_at: formatProviderTime(refund.bankConfirmedAtMs) }),
});

function refundFields(transaction: Transaction): JsonObject {
  const refunds = approvedRefunds(transaction);
  if (refunds.length === 0) return {};
  return { refund_amount: formatRupiah(refundedAmount(transaction)), refunds: refunds.map(refundView) };
}

function currentState(transaction: Transaction, statusCode: string, statusMessage: string): JsonObject {
  const { orderId, settledAtMs } = transaction;
  const grossAmount = formatRupiah(transaction.grossAmount);
  return {
    ...identity(transaction),
    status_code: statusCode,
    status_message: statusMessage,
    signature_key: signNotification({ orderId, statusCode, grossAmount }, transaction.serverKey),
    ...paymentCodeFields(transaction),
    ...paymentFields(transaction),
    ...(settledAtMs === null ? {} : { settlement_time: formatProviderTime(settledAtMs) }),
    expiry_time: formatProviderTime(transaction.expiryAtMs),
    ...refundFields(transaction),
    ...transaction.echo,
  };
}

export const notificationBody = (transaction: Transaction): JsonObject =>
  currentState(transaction, statusCodeOf(transaction.status, 'notification'), 'midtrans payment notification');

export function statusBody(transaction: Transaction): JsonObject {
  const refunds = approvedRefunds(transaction);
  const confirmed = refunds.length > 0 && refunds.every((refund) => refund.bankConfirmedAtMs !== null);
  const message = confirmed ? 'Success, refund request is approved by the bank' : 'Success, transaction is found';
  return currentState(transaction, statusCodeOf(transaction.status, 'status'), message);
}

function chargeMessage(transaction: Transaction): string {
  const { method } = transaction;
  switch (method.type) {
    case 'bank_transfer':
      return method.bank === 'permata'
        ? 'Success, PERMATA VA transaction is successful'
        : 'Success, Bank Transfer transaction is created';
    case 'echannel':
      return 'OK, Mandiri Bill transaction is successful';
    case 'qris':
      return 'QRIS transaction is created';
    case 'gopay':
      return 'GO-PAY transaction is created';
  }
}

function chargeActions(transaction: Transaction, baseUrl: string): JsonObject {
  const { method, transactionId } = transaction;
  const get = (name: string, path: string): JsonObject => ({ name, method: 'GET', url: `${baseUrl}${path}` });
  if (method.type === 'qris') {
    const actions = [
      get('generate-qr-code', `/v2/qris/${transactionId}/qr-code`),
      get('generate-qr-code-v2', `/v4/qris/${transactionId}/qr-code`),
    ];
    return { qr_string: method.qrString, actions };
  }
  if (method.type !== 'gopay') return {};
  const callback = method.callbackUrl === null ? '' : `&callback_url=${encodeURIComponent(method.callbackUrl)}`;
  const actions = [
    get('generate-qr-code', `/v2/gopay/${transactionId}/qr-code`),
    get('deeplink-redirect', `/gopay/ui/checkout?referenceid=${transactionId}${callback}`),
    get('get-status', `/v2/${transactionId}/status`),
    { name: 'cancel', method: 'POST', url: `${baseUrl}/v2/${transactionId}/cancel` },
  ];
  return { actions };
}

export const chargeBody = (transaction: Transaction, baseUrl: string): JsonObject => ({
  status_code: '201',
  status_message: chargeMessage(transaction),
  ...identity(transaction),
  ...paymentCodeFields(transaction),
  ...chargeActions(transaction, baseUrl),
  expiry_time: formatProviderTime(transaction.expiryAtMs),
});

/** The answer to a cancel is 200 although its notification is 202. */
export const cancelBody = (transaction: Transaction): JsonObject => ({
  status_code: '200',
  status_message: 'Success, transaction is canceled',
  ...identity(transaction),
});

export const expireBody = (transaction: Transaction): JsonObject => ({
  status_code: '407',
  status_message: 'Success, transaction is expired',
  ...identity(transaction),
});

/** `refund_amount` is this refund's on /refund, all refunds' together on /refund/online/direct (as documented). */
export function refundBody(transaction: Transaction, refund: Refund, route: 'refund' | 'direct'): JsonObject {
  const common = {
    ...identity(transaction),
    refund_chargeback_id: refund.refundChargebackId,
    refund_key: refund.refundKey,
  };
  if (refund.outcome === 'denied') {
    const message = 'Refund denied by the bank';
    return { status_code: '202', status_message: message, ...common, refund_amount: formatRupiah(0) };
  }
  const isDirect = route === 'direct';
  return {
    status_code: '200',
    status_message: `Success, refund request is approved${isDirect ? ' by the bank' : ''}`,
    ...common,
    refund_amount: formatRupiah(isDirect ? refundedAmount(transaction) : refund.amount),
  };
}
