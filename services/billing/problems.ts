import { defineProblem } from '@tenantry/kernel/problem.ts';

export const invoiceNotFound = defineProblem({ code: 'not-found', category: 'not-found', title: 'Not found' });
export const invoiceHasNoLines = defineProblem({
  code: 'invoice-has-no-lines',
  category: 'conflict',
  title: 'The invoice has no lines',
});
export const invoiceHasNoAmount = defineProblem({
  code: 'invoice-has-no-amount',
  category: 'conflict',
  title: 'The invoice comes to nothing',
});
export const invoiceCurrencyMixed = defineProblem({
  code: 'invoice-currency-mixed',
  category: 'invalid',
  title: 'An invoice has one currency',
});
export const customerNotFound = defineProblem({
  code: 'customer-not-found',
  category: 'unprocessable',
  title: 'The customer does not exist',
});
export const paymentUnderWayAlready = defineProblem({
  code: 'payment-under-way',
  category: 'conflict',
  title: 'A payment of the invoice is under way',
});
/** Payments' refusal, told again when somebody repeats a collection that it ended. */
export const paymentRefused = defineProblem({
  code: 'payment-method-refused',
  category: 'unprocessable',
  title: 'The provider does not take this payment',
});
