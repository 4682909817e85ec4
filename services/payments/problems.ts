import { defineProblem } from '@tenantry/kernel/problem.ts';

export const paymentNotFound = defineProblem({ code: 'not-found', category: 'not-found', title: 'Not found' });
export const paymentNotConfigured = defineProblem({
  code: 'payment-provider-not-configured',
  category: 'conflict',
  title: 'No payment provider is configured',
});
export const paymentMethodRefused = defineProblem({
  code: 'payment-method-refused',
  category: 'unprocessable',
  title: 'The provider does not take this payment',
});
export const refundNotSupported = defineProblem({
  code: 'refund-not-supported',
  category: 'conflict',
  title: 'This payment method cannot be refunded through the provider',
});
export const refundExceedsPayment = defineProblem({
  code: 'refund-exceeds-payment',
  category: 'conflict',
  title: 'More than was captured',
});
export const refundRefused = defineProblem({
  code: 'refund-refused',
  category: 'unprocessable',
  title: 'The provider refused the refund',
});
export const webhookRefused = defineProblem({
  code: 'webhook-refused',
  category: 'forbidden',
  title: 'The notification is not genuine',
});
