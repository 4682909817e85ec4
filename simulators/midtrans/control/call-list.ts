/** What `GET /` tells somebody who meets the simulator for the first time. */
export const callList = {
  what: 'A simulator of Midtrans (Core API under /v2, Snap under /snap/v1). No money moves.',
  serverKeys: 'Any key of the form SB-Mid-server-… is a merchant of its own.',
  calls: {
    'POST /simulator/pay':
      '{ vaNumber | qrString | transactionId | orderId, issuer?, method? } pays; answers after the first webhook attempt',
    'POST /simulator/choose': '{ token | orderId, method? } picks a payment method on a Snap page',
    'POST /simulator/settle': 'moves a transaction to settlement without a payer',
    'POST /simulator/deny': 'the bank or wallet refuses a pending transaction',
    'POST /simulator/expire': 'a pending transaction runs out of time now',
    'POST /simulator/reverse': '{ …, force? } settlement becomes deny (Permata VA, Mandiri Bill; others with force)',
    'POST /simulator/chargeback': '{ …, amount? } takes a settled payment back',
    'GET /simulator/transactions': '?orderId= &transactionId= &serverKey=',
    'GET /simulator/deliveries': '?orderId= &transactionId= &serverKey= — every webhook and every attempt',
    'POST /simulator/deliveries/{id}/redeliver': 'sends the same body again',
    'GET /simulator/clock': 'the simulated time',
    'POST /simulator/clock/advance': '{ seconds } runs everything that becomes due on the way',
    'GET, POST /simulator/settings': '{ retryJitter?, refundConfirmationSeconds?, expiryDelaySeconds? }',
    'GET, POST /simulator/merchants': '{ serverKey, notificationUrl?, revoked? }',
    'GET, POST, DELETE /simulator/faults[/{id}]':
      '{ match: { path?, method?, orderId?, serverKey?, transactionStatus? }, times?, fault: { kind, … } }',
    'POST /simulator/reset': 'forgets everything',
  },
  faultKinds: [
    'delay { delayMs }',
    'error { statusCode, statusMessage?, httpStatus? }',
    'timeout-after-success { holdMs? }',
    'connection-reset { afterSuccess? }',
    'rate-limit',
    'refund-denied',
    'insufficient-balance',
    'webhook-duplicate { copies }',
    'webhook-reorder',
    'webhook-drop',
    'webhook-wrong-signature',
    'webhook-delay { seconds }',
  ],
} as const;
