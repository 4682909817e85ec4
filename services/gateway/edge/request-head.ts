import { malformedRequest } from '@tenantry/kernel/problems.ts';
import { headersTooLarge } from '../problems.ts';

/** What of a request's headers the gateway itself reads, and what goes on to the service. */
export type RequestHead = {
  /** Names and values in turn, as undici takes them. Hop-by-hop headers and whatever could pass for ours are gone. */
  readonly forwarded: string[];
  readonly authorization: string | null;
  readonly tenantId: string | null;
  readonly traceparent: string | undefined;
  readonly hasIdempotencyKey: boolean;
  /** Null where the body is chunked; 0 without a body. */
  readonly contentLength: number | null;
  readonly expectsContinue: boolean;
  readonly wantsWebSocket: boolean;
  /** As the client offers them; whoever opens the WebSocket decides what goes on. */
  readonly webSocketProtocols: string | null;
  readonly acceptsEvents: boolean;
  /** As a browser's EventSource does: any other answer would be none. */
  readonly acceptsOnlyEvents: boolean;
  readonly origin: string | null;
  readonly host: string;
  /** All X-Forwarded-For in their order. Worth something only where a proxy of ours has written it. */
  readonly forwardedFor: string | null;
};

/** A name, an IPv4 or a bracketed IPv6 address, and a port: no userinfo, no encodings, nothing that a log could trip over. */
const HOST = /^(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/** RFC 9110 §12.5.1, whatever its parameters. */
const ONLY_EVENTS = /^\s*text\/event-stream\s*(?:;[^,]*)?$/;

type Rule = 'forward' | 'drop' | 'read';

const MAX_HEADERS = 100;
const MAX_REMEMBERED_NAMES = 1_000;

/** Dropped: RFC 9110 §7.6.1 and what intermediaries have added to it; and what claims a route that we did not see. */
const DROPPED = new Set([
  ...['keep-alive', 'te', 'trailer', 'http2-settings', 'forwarded', 'via'],
  ...['x-real-ip', 'client-ip', 'x-client-ip', 'x-cluster-client-ip', 'true-client-ip'],
  // Web frameworks take the method from there: what is guarded here as a POST would be served as a DELETE.
  ...['x-http-method-override', 'x-http-method', 'x-method-override'],
]);
const DROPPED_PREFIXES = ['proxy-', 'tenantry-', 'x-tenantry-', 'x-forwarded-', 'x-original-', 'x-rewrite-'];
const READ = new Set([
  'host',
  'connection',
  'authorization',
  'x-tenant-id',
  'traceparent',
  'idempotency-key',
  'content-length',
  'transfer-encoding',
  'expect',
  'upgrade',
  'sec-websocket-protocol',
  'accept',
  'origin',
  'x-forwarded-for',
]);

function ruleFor(name: string): Rule {
  if (READ.has(name)) return 'read';
  // Some servers turn `_` into `-`: x_tenant_id would come out as a header that we check.
  if (name.includes('_') || DROPPED.has(name)) return 'drop';
  return DROPPED_PREFIXES.some((prefix) => name.startsWith(prefix)) ? 'drop' : 'forward';
}

// By the name as it was spelled: clients spell few names in few ways, and this saves lower-casing each of them.
const known = new Map<string, { readonly name: string; readonly rule: Rule }>();

function lookUp(spelled: string): { readonly name: string; readonly rule: Rule } {
  const found = known.get(spelled);
  if (found !== undefined) return found;
  const name = spelled.toLowerCase();
  const entry = { name, rule: ruleFor(name) };
  if (known.size < MAX_REMEMBERED_NAMES) known.set(spelled, entry);
  return entry;
}

const refuse = (what: string): Error => malformedRequest(`The request ${what}. Correct it and send it again.`);

const isRepeated = (earlier: string | null, value: string): boolean => earlier !== null && earlier !== value;

/** One walk over the raw headers. Throws for what is ambiguous, so that nobody behind us resolves it another way. */
export function readRequestHead(raw: readonly string[], httpVersion: string): RequestHead {
  if (raw.length > MAX_HEADERS * 2) throw headersTooLarge(`The request has more than ${MAX_HEADERS} headers.`);
  const forwarded: string[] = [];
  let host: string | null = null;
  let hosts = 0;
  let protocols: string | null = null;
  let acceptsEvents = false;
  let acceptsOthers = false;
  let origin: string | null = null;
  let forwardedFor: string | null = null;
  let connection = '';
  let authorization: string | null = null;
  let tenantId: string | null = null;
  let traceparent: string | undefined;
  let hasIdempotencyKey = false;
  let contentLength: string | null = null;
  let isChunked = false;
  let expect = '';
  let upgrade = '';
  for (let i = 0; i < raw.length; i += 2) {
    const value = raw[i + 1] ?? '';
    const { name, rule } = lookUp(raw[i] ?? '');
    if (rule === 'drop') continue;
    if (rule === 'forward') {
      forwarded.push(name, value);
      continue;
    }
    switch (name) {
      case 'host':
        hosts++;
        host = value;
        break;
      case 'accept':
        if (!value.includes('text/event-stream')) acceptsOthers = true;
        else {
          acceptsEvents = true;
          acceptsOthers ||= !ONLY_EVENTS.test(value);
        }
        forwarded.push(name, value);
        break;
      case 'origin':
        if (origin !== null) throw refuse('has two Origin headers');
        origin = value;
        forwarded.push(name, value);
        break;
      case 'sec-websocket-protocol':
        protocols = protocols === null ? value : `${protocols},${value}`;
        break;
      case 'x-forwarded-for':
        forwardedFor = forwardedFor === null ? value : `${forwardedFor},${value}`;
        break;
      case 'connection':
        connection += `,${value}`;
        break;
      case 'authorization':
        if (authorization !== null) throw refuse('has two Authorization headers');
        authorization = value;
        break;
      case 'x-tenant-id':
        if (isRepeated(tenantId, value)) throw refuse('has two X-Tenant-Id headers');
        tenantId = value;
        break;
      case 'traceparent':
        traceparent ??= value;
        break;
      case 'idempotency-key':
        if (hasIdempotencyKey) throw refuse('has two Idempotency-Key headers');
        hasIdempotencyKey = true;
        forwarded.push(name, value);
        break;
      case 'content-length':
        if (isRepeated(contentLength, value)) throw refuse('has two Content-Length headers');
        contentLength = value;
        break;
      case 'transfer-encoding':
        // Only chunked framing is taken away here; another coding would reach the service unnamed. HTTP/1.0 has none.
        if (isChunked || value.toLowerCase() !== 'chunked' || httpVersion === '1.0')
          throw refuse('has a Transfer-Encoding other than chunked');
        isChunked = true;
        break;
      case 'expect':
        expect = value.toLowerCase();
        break;
      case 'upgrade':
        upgrade += `,${value.toLowerCase()}`;
        break;
    }
  }
  // RFC 9112 §3.2: exactly one, but HTTP/1.0 has no such duty.
  if (hosts > 1 || (hosts === 0 && httpVersion !== '1.0')) throw refuse('must have exactly one Host header');
  if (host !== null && !HOST.test(host)) throw refuse('has a Host header that names no host');
  if (isChunked && contentLength !== null) throw refuse('has both Content-Length and Transfer-Encoding');
  return {
    forwarded: connection === '' ? forwarded : withoutNamed(forwarded, connection),
    authorization,
    tenantId,
    traceparent,
    hasIdempotencyKey,
    contentLength: isChunked ? null : readLength(contentLength),
    expectsContinue: expect === '100-continue',
    wantsWebSocket: upgrade.includes('websocket'),
    webSocketProtocols: protocols,
    acceptsEvents,
    acceptsOnlyEvents: acceptsEvents && !acceptsOthers,
    origin,
    host: host ?? '',
    forwardedFor,
  };
}

function readLength(value: string | null): number {
  if (value === null) return 0;
  if (!/^\d{1,15}$/.test(value)) throw refuse('has a Content-Length that is no number');
  return Number(value);
}

/** Headers that Connection names are for this hop only (RFC 9110 §7.6.1). Ours are added later, out of its reach. */
function withoutNamed(headers: string[], connection: string): string[] {
  const named = connection
    .toLowerCase()
    .split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '' && token !== 'close' && token !== 'keep-alive');
  if (named.length === 0) return headers;
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? '';
    if (!named.includes(name)) kept.push(name, headers[i + 1] ?? '');
  }
  return kept;
}
