import { formatInstant } from '@tenantry/kernel/instant.ts';
import { type Route, serve, servePublic } from '@tenantry/kit/http/route.ts';
import * as endpoints from '../contract/providers.ts';
import type { ProviderRecord } from '../domain/provider-account.ts';
import type { configureProvider } from '../use-cases/configure-provider.ts';
import type { readProviders } from '../use-cases/read-providers.ts';
import type { receiveNotification } from '../use-cases/receive-notification.ts';

export type ProviderUseCases = {
  readonly configureProvider: ReturnType<typeof configureProvider>;
  readonly readProviders: ReturnType<typeof readProviders>;
  readonly receiveNotification: ReturnType<typeof receiveNotification>;
};

const toProviderView = ({ environment, serverKeyHint, updatedAt }: ProviderRecord) => ({
  provider: 'midtrans' as const,
  environment,
  serverKeyHint,
  updatedAt: formatInstant(updatedAt),
});

export const providerRoutes = (useCases: ProviderUseCases): readonly Route[] => [
  serve(endpoints.configureProvider, async ({ principal, body }) =>
    toProviderView(await useCases.configureProvider(principal, body)),
  ),
  serve(endpoints.readProviders, async ({ principal }) => ({
    data: (await useCases.readProviders(principal)).map(toProviderView),
    nextCursor: null,
  })),
  servePublic(endpoints.midtransWebhook, async ({ params, body }) => {
    await useCases.receiveNotification(params.tenantId, body);
    return { status: 'ok' as const };
  }),
];
