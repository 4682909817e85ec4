import type { TenantId } from '@tenantry/kernel/id.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { TRACEPARENT_HEADER } from '@tenantry/mesh/headers.ts';
import type { Verified } from '../access/verified.ts';
import type { RouteEntitlement } from '../contract/routes.ts';
import type { Exchange, Route, Step } from '../edge/exchange.ts';
import { Upload } from '../edge/upload.ts';
import { firstHop } from '../traces/note-attempt.ts';
import type { CompiledTransform } from '../transform/compile-transform.ts';
import type { Variables } from '../transform/template.ts';
import { IDEMPOTENT_METHODS } from '../upstreams/forward.ts';
import { Forwarding } from '../upstreams/forwarding.ts';
import { unanswered } from '../upstreams/unanswered.ts';
import type { Use } from './entitlement/consume.ts';
import { REQUEST_ID_HEADER } from './identity.ts';
import { REST } from './path-tree.ts';
import { productAnswer } from './product-answer.ts';
import type { ProductCluster, ProductClusters } from './product-clusters.ts';
import { type RouteRecord, recordKey } from './records.ts';

export type ForwardToProductOptions = {
  readonly clusters: Pick<ProductClusters, 'get'>;
  readonly identityOf: (verified: Verified, upstreamId: string) => readonly string[];
  readonly checkEntitlement: (
    exchange: Exchange,
    entitlement: RouteEntitlement,
    requestId: string,
  ) => null | Promise<Use | null>;
  readonly slugOf: (tenantId: TenantId) => string;
  readonly publicUrl: string;
  readonly fail: (exchange: Exchange, error: unknown) => void;
};

/** What becomes of a request, and of one that opens a WebSocket. */
export type ToProduct = Required<Pick<Route, 'webSocketTo'>> & { readonly answer: Step };

/** What goes to a product: the same for a request and for the request that opens a WebSocket. */
type Prepared = {
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: string[];
  readonly variables: Variables;
};

/** A request that may go on, and what it has used up for that. */
type Admitted = { readonly requestId: string; readonly use: Use | null };

/** Sends a request to the product behind a route: with who calls, without what is ours or the client's secret. */
export function createForwardToProduct(options: ForwardToProductOptions) {
  const { protocol, host } = new URL(options.publicUrl);
  const forwardedAs = ['x-forwarded-proto', protocol.slice(0, -1), 'x-forwarded-host', host];

  const prepare = (
    exchange: Exchange,
    record: RouteRecord,
    transform: CompiledTransform,
    { cluster, requestId }: { readonly cluster: ProductCluster; readonly requestId: string },
  ): Prepared => {
    const { head, verified } = exchange;
    const variables = variablesOf(exchange, requestId, options.slugOf);
    const { path, query } = transform.target(exchange.target, variables);
    const { secretPairs } = cluster;
    if (secretPairs === null) throw unavailable(new Error('A secret of this upstream has to be set again.'));
    const changed = transform.requestHeaders(keptHeaders(head?.forwarded ?? [], record, transform), variables);
    const headers = secretPairs.length === 0 ? changed : withoutNames(changed, secretPairs);
    // Last, so that nothing that was declared or sent can stand in for them.
    headers.push(
      ...(verified === null ? [] : options.identityOf(verified, record.upstreamId)),
      ...[REQUEST_ID_HEADER, requestId, TRACEPARENT_HEADER, firstHop(exchange)],
      ...['x-forwarded-for', exchange.clientAddress, ...forwardedAs],
      ...secretPairs,
    );
    return { path: query === '' ? path : `${path}?${query}`, headers, variables };
  };

  const send = (
    exchange: Exchange,
    record: RouteRecord,
    transform: CompiledTransform,
    cluster: ProductCluster,
    { requestId, use }: Admitted,
  ): void => {
    const { path, headers, variables } = prepare(exchange, record, transform, { cluster, requestId });
    // The length was taken away with what frames the client's hop. Of a body that goes on as it comes it is still true.
    if (exchange.body instanceof Upload && exchange.body.contentLength !== null)
      headers.push('content-length', String(exchange.body.contentLength));
    if (Buffer.isBuffer(exchange.body)) exchange.body = transform.requestBody(exchange.body, headers, variables);
    new Forwarding({
      cluster,
      exchange,
      path,
      balanceBy: balanceKey(exchange, cluster),
      reshaping: productAnswer({ transform, passesCookies: record.cookies, variables }),
      isIdempotent: record.retry === 'idempotent' && IDEMPOTENT_METHODS.has(exchange.request.method ?? ''),
      headers,
      onBegun: use?.begun ?? null,
      onNeverSent: use?.giveBack ?? null,
      fail: (error) => options.fail(exchange, error),
    }).start();
  };

  /** Goes on when whoever calls may use the product. */
  const whenEntitled = <Result>(
    exchange: Exchange,
    { record, upstreamKey }: { readonly record: RouteRecord; readonly upstreamKey: string },
    goOn: (cluster: ProductCluster, admitted: Admitted) => Result,
  ): Result | Promise<Result> => {
    const cluster = options.clusters.get(upstreamKey);
    if (cluster === undefined) throw unavailable();
    exchange.deadlineMs = Date.now() + (record.timeoutMs ?? cluster.record.timeoutMs);
    const requestId = newUuid();
    if (record.entitlement === null) return goOn(cluster, { requestId, use: null });
    // Nobody's quota is used up for a product that is known to be away. What is used up is given back only where nothing
    // was sent: once a request is on its way, only the product knows whether it has done anything.
    if (record.entitlement.mode === 'consume' && !cluster.group().hasStanding([]))
      throw unanswered(cluster, cluster.group().instances);
    const asked = options.checkEntitlement(exchange, record.entitlement, requestId);
    if (asked === null) return goOn(cluster, { requestId, use: null });
    return asked.then((use) => {
      try {
        return goOn(cluster, { requestId, use });
      } catch (error) {
        use?.giveBack();
        throw error;
      }
    });
  };

  return (record: RouteRecord, transform: CompiledTransform): ToProduct => {
    const way = { record, upstreamKey: recordKey({ tenantId: record.tenantId, id: record.upstreamId }) };
    return {
      answer: (exchange) =>
        whenEntitled(exchange, way, (cluster, admitted) => {
          if (exchange.isOver) admitted.use?.giveBack();
          else send(exchange, record, transform, cluster, admitted);
        }),
      webSocketTo: (exchange) =>
        whenEntitled(exchange, way, (cluster, { requestId, use }) => {
          const { path, headers, variables } = prepare(exchange, record, transform, { cluster, requestId });
          return {
            cluster,
            path,
            balanceBy: balanceKey(exchange, cluster),
            headers,
            timeoutMs: Math.max(exchange.deadlineMs - Date.now(), 1),
            reshaping: productAnswer({ transform, passesCookies: record.cookies, variables }),
            onBegun: use?.begun ?? null,
            onNeverSent: use?.giveBack ?? null,
          };
        }),
    };
  };
}

const unavailable = (cause?: unknown) =>
  upstreamUnavailable('The product behind this address is unavailable right now. Try again shortly.', {
    cause,
    retryAfterSeconds: 1,
  });

/** Always a list of its own: it is added to. */
function keptHeaders(pairs: readonly string[], record: RouteRecord, transform: CompiledTransform): string[] {
  const kept: string[] = [];
  for (let i = 0; i < pairs.length; i += 2) {
    const name = pairs[i] ?? '';
    if (name === 'cookie' && !record.cookies) continue;
    // What is to be changed must come whole and unpacked.
    if (transform.mapsResponseBody && (name === 'accept-encoding' || name === 'range' || name === 'if-range')) continue;
    kept.push(name, pairs[i + 1] ?? '');
  }
  if (transform.mapsResponseBody) kept.push('accept-encoding', 'identity');
  return kept;
}

/** @param names with values in turn: what goes under such a name is the upstream's secret and nothing else */
function withoutNames(pairs: readonly string[], names: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < pairs.length; i += 2) {
    const isTaken = names.some((name, index) => index % 2 === 0 && name === pairs[i]);
    if (!isTaken) kept.push(pairs[i] ?? '', pairs[i + 1] ?? '');
  }
  return kept;
}

function variablesOf(exchange: Exchange, requestId: string, slugOf: (tenantId: TenantId) => string): Variables {
  const { verified, pathParameters } = exchange;
  return (name) => {
    switch (name) {
      case 'tenant.id':
        return verified?.claims.tenantId ?? '';
      case 'tenant.slug':
        return verified === null ? '' : slugOf(verified.claims.tenantId);
      case 'user.id':
        return verified?.claims.userId ?? '';
      case 'request.id':
        return requestId;
      default:
        return pathParameters[name === `path.${REST}` ? REST : name.slice('path.'.length)] ?? '';
    }
  };
}

function balanceKey({ verified, clientAddress }: Exchange, { record }: ProductCluster): string {
  if (verified === null) return clientAddress;
  const { tenantId, userId } = verified.claims;
  return record.hashBy === 'principal' ? `${tenantId} ${userId}` : tenantId;
}
