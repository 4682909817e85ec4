export type ProviderEnvironment = 'sandbox' | 'production';

/** What may be shown of a tenant's credentials. */
export type ProviderRecord = {
  readonly environment: ProviderEnvironment;
  readonly serverKeyHint: string;
  readonly updatedAt: Temporal.Instant;
};

/** `SB-Mid-server-…a1b2`: enough to recognise the key. */
export function hintOf(serverKey: string): string {
  const prefix = /^(?:SB-)?Mid-server-/.exec(serverKey)?.[0] ?? '';
  return `${prefix}…${serverKey.slice(-4)}`;
}
