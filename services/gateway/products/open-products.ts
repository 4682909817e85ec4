import { networkInterfaces } from 'node:os';
import { type SigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { isMasterKeyChanging } from '@tenantry/databases/credentials.ts';
import type { Nats } from '@tenantry/events/nats.ts';
import { watchState } from '@tenantry/events/pushed-state.ts';
import { openRevisedBucket } from '@tenantry/events/revised-bucket.ts';
import { PLATFORM_TENANT_ID, type TenantId } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { TenantDirectory } from '@tenantry/kit/tenants/directory.ts';
import type { Mesh } from '@tenantry/mesh/client.ts';
import type { Discovery } from '@tenantry/mesh/discovery.ts';
import type { Verified } from '../access/verified.ts';
import type { Exchange, Route } from '../edge/exchange.ts';
import type { AnswerOnce } from '../own/own-endpoint.ts';
import { routeNotFound, upstreamInUse, upstreamNotFound } from '../problems.ts';
import type { StandingRefusal } from '../upstreams/instance.ts';
import { ChangeFeed } from './change-feed.ts';
import { compileProduct } from './compile-product.ts';
import { completeRoute } from './complete-route.ts';
import { completeUpstream, type Reach } from './complete-upstream.ts';
import { createCheckEntitlement } from './entitlement/check-entitlement.ts';
import { createGiveBack } from './entitlement/give-back.ts';
import { giveBackJournals } from './entitlement/give-back-journals.ts';
import { openGiveBackQueue } from './entitlement/give-back-queue.ts';
import { GiveBacks } from './entitlement/give-backs.ts';
import { UseJournal } from './entitlement/use-journal.ts';
import { createForwardToProduct } from './forward-to-product.ts';
import { createIdentity } from './identity.ts';
import { identityKeysRoute } from './identity-keys.ts';
import { platformGuard, tenantGuard, withoutOwnDoors } from './network/address-guard.ts';
import { ownDoors } from './network/own-doors.ts';
import { resolveByDns, resolveBySystem } from './network/resolve-host.ts';
import { ProductClusters } from './product-clusters.ts';
import { productEndpoints } from './product-endpoints.ts';
import { ProductTable } from './product-table.ts';
import {
  isStanding,
  ROUTES_BUCKET,
  type RouteRecord,
  recordKey,
  UPSTREAMS_BUCKET,
  type UpstreamRecord,
} from './records.ts';
import { Registrations } from './registrations.ts';
import { resealSecrets } from './reseal-secrets.ts';
import { createSecretHeaders } from './secret-headers.ts';
import { standingState } from './standing-state.ts';
import { upstreamHealth } from './upstream-health.ts';
import { createUpstreamView } from './upstream-view.ts';

const MAX_UPSTREAMS = 200;
const MAX_ROUTES = 1_000;

export type ProductsOptions = {
  readonly nats: Nats;
  readonly discovery: Discovery;
  readonly mesh: Mesh;
  readonly tenants: Pick<TenantDirectory, 'peek'>;
  /** The plan of the platform that a tenant has, from memory. */
  readonly planOf: (tenantId: TenantId) => string | null;
  readonly signingKey: SigningKey;
  /** Of the house: secrets are sealed with it. */
  readonly masterKey: string;
  readonly passportFor: (verified: Verified) => string;
  readonly snapshotFile: (name: string) => string;
  /** Where the processes of this machine note the uses that they have in hand. */
  readonly usesFolder: string;
  readonly publicUrl: string;
  /** `address/bits`, where products may be besides the public network. */
  readonly allowedNetworks: readonly string[];
  /** Of stores and other parts that do not register. */
  readonly doorUrls: readonly string[];
  readonly answerOnce: AnswerOnce;
  readonly fail: (exchange: Exchange, error: unknown) => void;
  readonly logger: Logger;
};

/** The products behind Tenantry: what is registered, the routes to it, and the endpoints to change both. */
export type Products = {
  readonly table: ProductTable;
  readonly ownRoutes: readonly Route[];
  readonly close: () => Promise<void>;
};

export async function openProducts(options: ProductsOptions): Promise<Products> {
  const { nats, discovery, signingKey, snapshotFile } = options;
  const [allUpstreams, allRoutes] = await Promise.all([
    watchState<UpstreamRecord>(nats, { ...UPSTREAMS_BUCKET, snapshotFile: snapshotFile('upstreams') }),
    watchState<RouteRecord>(nats, { ...ROUTES_BUCKET, snapshotFile: snapshotFile('routes') }),
  ]);
  const [upstreamState, routeState] = [standingState(allUpstreams), standingState(allRoutes)];
  const reach = makeReach(options);
  const secrets = createSecretHeaders(options.masterKey);
  const clusters = new ProductClusters({ state: upstreamState, reach, secrets, onRefusal: logRefusal(options.logger) });
  const slugOf = (tenantId: TenantId): string =>
    options.tenants.peek(tenantId)?.slug ?? (tenantId === PLATFORM_TENANT_ID ? 'platform' : '');
  const give = createGiveBack(options);
  const queue = openGiveBackQueue({ nats, give, logger: options.logger });
  const giveBacks = new GiveBacks({ queue, give, logger: options.logger });
  const journal = new UseJournal(options.usesFolder, options.logger);
  giveBackJournals(options.usesFolder, giveBacks, options.logger);
  const forward = createForwardToProduct({
    clusters,
    identityOf: createIdentity({ key: signingKey, issuer: options.publicUrl, slugOf, planOf: options.planOf }),
    checkEntitlement: createCheckEntitlement({
      mesh: options.mesh,
      giveBacks,
      journal,
      passportFor: options.passportFor,
      monotonicMs: () => performance.now(),
    }),
    slugOf,
    publicUrl: options.publicUrl,
    fail: options.fail,
  });
  const table = new ProductTable(routeState, compileProduct(forward, options.logger));

  const now = (): string => formatInstant(Temporal.Now.instant());
  const upstreamBucket = openRevisedBucket<UpstreamRecord>(nats, UPSTREAMS_BUCKET);
  const routeBucket = openRevisedBucket<RouteRecord>(nats, ROUTES_BUCKET);
  const { logger } = options;
  const upstreamFeed = new ChangeFeed({ nats, bucket: upstreamBucket, state: allUpstreams, logger });
  const routeFeed = new ChangeFeed({ nats, bucket: routeBucket, state: allRoutes, logger });
  if (isMasterKeyChanging(options.masterKey)) {
    const onError = (error: unknown): void => logger.warn({ err: error }, 'an upstream keeps its old seal for now');
    resealSecrets({ state: allUpstreams, bucket: upstreamBucket, secrets, onError });
  }
  const upstreams = new Registrations({
    prefix: 'ups',
    resource: 'upstream',
    bucket: upstreamBucket,
    state: upstreamState,
    max: MAX_UPSTREAMS,
    notFound: upstreamNotFound,
    complete: completeUpstream({ reach, secrets, now: () => Temporal.Now.instant() }),
    checkRemoval: ({ id, tenantId }) => {
      const route = table.recordsOf(tenantId).find(({ upstreamId }) => upstreamId === id);
      if (route !== undefined)
        throw upstreamInUse(`The route ${route.id} leads to this upstream (${route.path}). Remove or change it first.`);
    },
    now,
    changed: (key) => void upstreamFeed.tell(key),
  });
  const routes = new Registrations({
    prefix: 'rte',
    resource: 'route',
    bucket: routeBucket,
    state: routeState,
    max: MAX_ROUTES,
    notFound: routeNotFound,
    complete: completeRoute({
      hasUpstream: async (key) => {
        const found = await upstreamBucket.get(recordKey(key));
        return found !== null && isStanding(found.value);
      },
      routesOf: (tenantId) => table.recordsOf(tenantId),
    }),
    now,
    changed: (key) => void routeFeed.tell(key),
  });
  return {
    table,
    ownRoutes: [
      ...productEndpoints(
        {
          upstreams,
          routes,
          viewOf: createUpstreamView(secrets),
          healthOf: (record) => upstreamHealth(record, clusters.peek(recordKey(record))),
        },
        options.answerOnce,
      ),
      identityKeysRoute(discovery, { kid: signingKey.kid, key: toPublicJwk(signingKey.publicKey) }),
    ],
    async close() {
      await Promise.all([giveBacks.close(), upstreamFeed.close(), routeFeed.close()]);
      await Promise.all([upstreamState.close(), routeState.close(), clusters.close()]);
      journal.close();
    },
  };
}

function makeReach({ discovery, allowedNetworks, doorUrls }: ProductsOptions): Reach {
  const ownAddresses = Object.values(networkInterfaces()).flatMap((some) => (some ?? []).map(({ address }) => address));
  const isOwnDoor = ownDoors(discovery, doorUrls, ownAddresses);
  return {
    tenant: { guard: withoutOwnDoors(tenantGuard(allowedNetworks, ownAddresses), isOwnDoor), resolve: resolveByDns },
    platform: { guard: withoutOwnDoors(platformGuard(allowedNetworks), isOwnDoor), resolve: resolveBySystem },
  };
}

/** Once when it begins and once when it is over, not with every request. */
const logRefusal =
  (logger: Logger) =>
  ({ id, tenantId }: UpstreamRecord, target: string, refusal: StandingRefusal | null): void => {
    if (refusal === null) logger.info({ upstreamId: id, tenantId, target }, 'a target of an upstream can be reached');
    else
      logger.warn(
        { upstreamId: id, tenantId, target, reason: refusal.kind },
        refusal.kind === 'unreachable'
          ? 'a target of an upstream is unreachable'
          : 'a target of an upstream is not trusted; its certificate or the tls of its upstream has to be corrected',
      );
  };
