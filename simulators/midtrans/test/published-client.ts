import { createRequire } from 'node:module';
import type { JsonObject } from '../domain/json.ts';

/** The parts of npm `midtrans-client` 1.4.3 used here; the package has no types. */
export type PublishedClient = {
  readonly apiConfig: { getCoreApiBaseUrl: () => string; getSnapApiBaseUrl: () => string };
  readonly transaction: {
    status(id: string): Promise<JsonObject>;
    cancel(id: string): Promise<JsonObject>;
    expire(id: string): Promise<JsonObject>;
    refund(id: string, request: JsonObject): Promise<JsonObject>;
    refundDirect(id: string, request: JsonObject): Promise<JsonObject>;
    notification(body: JsonObject): Promise<JsonObject>;
  };
};
export type CoreApiClient = PublishedClient & { charge(request: JsonObject): Promise<JsonObject> };
export type SnapClient = PublishedClient & { createTransaction(request: JsonObject): Promise<JsonObject> };

type ClientOptions = { readonly isProduction: boolean; readonly serverKey: string; readonly clientKey: string };
type Library = {
  readonly CoreApi: new (options: ClientOptions) => CoreApiClient;
  readonly Snap: new (options: ClientOptions) => SnapClient;
};

const library = createRequire(import.meta.url)('midtrans-client') as Library;

/** It knows only Midtrans' own hosts, so its base URLs are replaced per instance. */
export function createPublishedClient(baseUrl: string, serverKey: string) {
  const options = { isProduction: false, serverKey, clientKey: serverKey.replace('server', 'client') };
  const core = new library.CoreApi(options);
  const snap = new library.Snap(options);
  for (const { apiConfig } of [core, snap]) {
    apiConfig.getCoreApiBaseUrl = () => baseUrl;
    apiConfig.getSnapApiBaseUrl = () => `${baseUrl}/snap/v1`;
  }
  return { core, snap };
}
