/** One per payment, from its request until nothing more is expected of the provider. */
export const PAYMENT_RECONCILIATION = 'payment:reconcile';
/** One per refund, until its outcome is known. */
export const REFUND_RECONCILIATION = 'refund:reconcile';
