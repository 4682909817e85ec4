import { digitsOf } from './domain/payment-code.ts';

/** One server key is one merchant account, with its own orders. */
export type Merchant = {
  readonly serverKey: string;
  readonly merchantId: string;
  /** The "Payment Notification URL" of the dashboard. */
  readonly notificationUrl: string | null;
  readonly isRevoked: boolean;
};

const sandboxKeyPattern = /^SB-Mid-server-[A-Za-z0-9_-]+$/;

export const isServerKey = (text: string): boolean => sandboxKeyPattern.test(text);

/** Basic authentication with the server key as user name and an empty password. */
export function readServerKey(authorization: string | undefined): string | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const credentials = Buffer.from(encoded, 'base64').toString('utf8');
  return credentials.endsWith(':') ? credentials.slice(0, -1) : undefined;
}

export class Merchants {
  readonly #byServerKey = new Map<string, Merchant>();

  /** Any well-formed sandbox key opens an account the first time it is seen; undefined when it is not one, or revoked. */
  authenticate(serverKey: string | undefined): Merchant | undefined {
    if (serverKey === undefined || !isServerKey(serverKey)) return undefined;
    const merchant = this.#byServerKey.get(serverKey) ?? this.set(serverKey, {});
    return merchant.isRevoked ? undefined : merchant;
  }

  get(serverKey: string): Merchant | undefined {
    return this.#byServerKey.get(serverKey);
  }

  set(serverKey: string, change: Partial<Pick<Merchant, 'notificationUrl' | 'isRevoked'>>): Merchant {
    const known = this.#byServerKey.get(serverKey);
    const merchant: Merchant = {
      serverKey,
      merchantId: known?.merchantId ?? `G${digitsOf(serverKey, 9)}`,
      notificationUrl: known?.notificationUrl ?? null,
      isRevoked: known?.isRevoked ?? false,
      ...change,
    };
    this.#byServerKey.set(serverKey, merchant);
    return merchant;
  }

  all(): readonly Merchant[] {
    return [...this.#byServerKey.values()];
  }

  restore(merchants: readonly Merchant[]): void {
    for (const merchant of merchants) this.#byServerKey.set(merchant.serverKey, merchant);
  }

  clear(): void {
    this.#byServerKey.clear();
  }
}
