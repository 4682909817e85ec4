import type { FaultScript } from '../shared/fault-script.ts';

export type FaultMatch = {
  /** Exact path, or with `*` for any part of it. Not for webhook faults. */
  readonly path?: string;
  readonly method?: string;
  readonly orderId?: string;
  readonly serverKey?: string;
  /** Webhook faults only. */
  readonly transactionStatus?: string;
};

/** Happens to a call of a merchant. */
export type CallFault =
  | { readonly kind: 'delay'; readonly delayMs: number }
  | {
      readonly kind: 'error';
      readonly statusCode: string;
      readonly statusMessage?: string;
      readonly httpStatus?: number;
    }
  | { readonly kind: 'timeout-after-success'; readonly holdMs?: number }
  | { readonly kind: 'connection-reset'; readonly afterSuccess?: boolean }
  | { readonly kind: 'rate-limit' }
  | { readonly kind: 'refund-denied' }
  | { readonly kind: 'insufficient-balance' };

/** Happens to a notification. */
export type WebhookFault =
  | { readonly kind: 'webhook-duplicate'; readonly copies: number }
  | { readonly kind: 'webhook-reorder' }
  | { readonly kind: 'webhook-drop' }
  | { readonly kind: 'webhook-wrong-signature' }
  | { readonly kind: 'webhook-delay'; readonly seconds: number };

export type Fault = CallFault | WebhookFault;

export type CallTarget = {
  readonly path: string;
  readonly method: string;
  readonly orderId: string | undefined;
  readonly serverKey: string;
};
export type WebhookTarget = {
  readonly orderId: string;
  readonly serverKey: string;
  readonly transactionStatus: string;
};

const isWebhookFault = (fault: Fault): fault is WebhookFault => fault.kind.startsWith('webhook-');
const isCallFault = (fault: Fault): fault is CallFault => !isWebhookFault(fault);

function pathMatches(pattern: string, path: string): boolean {
  const literal = (part: string): string => RegExp.escape(part);
  return new RegExp(`^${pattern.split('*').map(literal).join('.*')}$`).test(path);
}

const isSame = (wanted: string | undefined, actual: string | undefined): boolean =>
  wanted === undefined || wanted === actual;

function matchesCall(match: FaultMatch, target: CallTarget): boolean {
  return (
    (match.path === undefined || pathMatches(match.path, target.path)) &&
    isSame(match.method?.toUpperCase(), target.method) &&
    isSame(match.orderId, target.orderId) &&
    isSame(match.serverKey, target.serverKey)
  );
}

const matchesWebhook = (match: FaultMatch, target: WebhookTarget): boolean =>
  isSame(match.orderId, target.orderId) &&
  isSame(match.serverKey, target.serverKey) &&
  isSame(match.transactionStatus, target.transactionStatus);

export type Faults = FaultScript<FaultMatch, Fault>;

/** All that match happen together. */
export const takeForCall = (faults: Faults, target: CallTarget): readonly CallFault[] =>
  faults.takeAll((match, fault) => isCallFault(fault) && matchesCall(match, target)).filter(isCallFault);

export const takeForWebhook = (faults: Faults, target: WebhookTarget): readonly WebhookFault[] =>
  faults.takeAll((match, fault) => isWebhookFault(fault) && matchesWebhook(match, target)).filter(isWebhookFault);
