/** One per payment, from its request until nothing more is expected of the provider. */
export const PAYMENT_RECONCILIATION = 'payment:reconcile';
/** One per settlement that its bank can take back. Not the reconciliation: that may be over when late money comes. */
export const REVERSAL_CHECK = 'payment:check-reversal';
/** One per refund, until its outcome is known. */
export const REFUND_RECONCILIATION = 'refund:reconcile';
