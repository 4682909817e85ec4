import { idFromUuid } from '@tenantry/kernel/id.ts';
import { type Route, serve } from '@tenantry/kit/http/route.ts';
import * as endpoints from '../contract/payments.ts';
import type { cancelPayment } from '../use-cases/cancel-payment.ts';
import type { chargePayment } from '../use-cases/charge-payment.ts';
import type { listPayments } from '../use-cases/list-payments.ts';
import type { listRefunds } from '../use-cases/list-refunds.ts';
import type { readPayment } from '../use-cases/read-payment.ts';
import type { refundPayment } from '../use-cases/refund-payment.ts';
import { toPaymentView, toRefundView } from './views.ts';

export type PaymentUseCases = {
  readonly cancelPayment: ReturnType<typeof cancelPayment>;
  readonly chargePayment: ReturnType<typeof chargePayment>;
  readonly listPayments: ReturnType<typeof listPayments>;
  readonly listRefunds: ReturnType<typeof listRefunds>;
  readonly readPayment: ReturnType<typeof readPayment>;
  readonly refundPayment: ReturnType<typeof refundPayment>;
};

export const paymentRoutes = (useCases: PaymentUseCases): readonly Route[] => [
  serve(endpoints.chargePayment, async ({ principal, params, body }) =>
    toPaymentView(await useCases.chargePayment(principal, params.paymentId, body)),
  ),
  serve(endpoints.listPayments, async ({ principal, query }) => {
    const { data, nextCursor } = await useCases.listPayments(principal, query);
    return { data: data.map(toPaymentView), nextCursor };
  }),
  serve(endpoints.readPayment, async ({ principal, params }) =>
    toPaymentView(await useCases.readPayment(principal, params.paymentId)),
  ),
  serve(endpoints.cancelPayment, async ({ principal, params }) =>
    toPaymentView(await useCases.cancelPayment(principal, params.paymentId)),
  ),
  serve(endpoints.refundPayment, async ({ principal, params, body, resourceUuid }) =>
    toRefundView(
      await useCases.refundPayment(principal, params.paymentId, {
        id: idFromUuid('rfd', resourceUuid),
        amount: body.amount ?? null,
        reason: body.reason,
      }),
    ),
  ),
  serve(endpoints.listRefunds, async ({ principal, params }) => ({
    data: (await useCases.listRefunds(principal, params.paymentId)).map(toRefundView),
    nextCursor: null,
  })),
];
