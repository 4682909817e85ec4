import type { IncomingHttpHeaders } from 'node:http';
import { upstreamAnswerUnusable } from '../problems.ts';
import type { CompiledTransform } from '../transform/compile-transform.ts';
import { isJsonType } from '../transform/json-text.ts';
import type { Variables } from '../transform/template.ts';
import type { AnswerReshaping } from '../upstreams/reshaping.ts';

/** These speak for a whole origin, and ours is shared by all products and the house. CORS is the tenant's configuration. */
const OF_THE_ORIGIN = new Set([
  'alt-svc',
  'clear-site-data',
  'public-key-pins',
  'ratelimit',
  'ratelimit-policy',
  'service-worker-allowed',
  'strict-transport-security',
]);
const OF_THE_ORIGIN_PREFIXES = ['access-control-', 'x-tenantry-'];
/** True for other bytes than those that go out when a body is changed. */
const OF_THE_BODY = ['content-digest', 'content-md5', 'digest', 'repr-digest', 'accept-ranges', 'content-range'];

/** What a product's answer may say to a client of the gateway, and what its route changes of it. */
export function productAnswer(options: {
  readonly transform: CompiledTransform;
  readonly passesCookies: boolean;
  readonly variables: Variables;
}): AnswerReshaping {
  const { transform, passesCookies, variables } = options;
  let encoding: string | undefined;

  const mapsBody: AnswerReshaping['mapsBody'] = (method, status, headers) =>
    transform.mapsResponseBody &&
    method !== 'HEAD' &&
    status !== 204 &&
    status !== 304 &&
    isJsonType(headers['content-type']);

  return {
    mapsBody,
    headers(upstream, instance) {
      const kept: IncomingHttpHeaders = {};
      for (const name in upstream) {
        if (OF_THE_ORIGIN.has(name) || OF_THE_ORIGIN_PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
        kept[name] = upstream[name];
      }
      if (!passesCookies) delete kept['set-cookie'];
      if (kept.location !== undefined)
        kept.location = publicLocation(kept.location, instance.record.url, transform.stripPrefix);
      encoding = upstream['content-encoding'];
      if (transform.mapsResponseBody && isJsonType(upstream['content-type'])) {
        for (const name of [...OF_THE_BODY, 'content-length']) delete kept[name];
        // RFC 9110 §8.8.1: the same resource, other bytes.
        if (kept.etag?.startsWith('"') === true) kept.etag = `W/${kept.etag}`;
      }
      return transform.responseHeaders(kept, variables);
    },
    body(bytes) {
      if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
        throw upstreamAnswerUnusable(
          'The product packed its answer though it was asked not to, and this route changes it.',
        );
      return transform.responseBody(bytes, variables);
    },
  };
}

/** A redirect to the target itself leads through us again; where the target stands is nobody's business. */
function publicLocation(location: string, targetUrl: string, stripPrefix: string): string {
  const isRooted = location.startsWith('/') && !location.startsWith('//');
  if (isRooted) return `${stripPrefix}${location}`;
  try {
    const url = new URL(location, targetUrl);
    if (url.origin !== new URL(targetUrl).origin) return location;
    // Relative to the page stays so: only what names the target is made anew.
    return /^([a-z][a-z0-9+.-]*:)?\/\//i.test(location)
      ? `${stripPrefix}${url.pathname}${url.search}${url.hash}`
      : location;
  } catch {
    return location;
  }
}
