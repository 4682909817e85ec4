import type { TenantConfiguration } from '@tenantry/contract/tenant-configuration.ts';
import { newId, type TenantId } from '@tenantry/kernel/id.ts';
import type { TenantConfigurations } from '@tenantry/kit/tenants/configurations.ts';
import { ROUTED_METHODS } from '../contract/routes.ts';
import type { Exchange } from './exchange.ts';

type Terms = { readonly allowCredentials: boolean; readonly maxAgeSeconds: number };

/** What a script may read of an answer besides its body. */
const EXPOSED = [
  'Content-Disposition',
  'ETag',
  'Idempotency-Replayed',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Trace-Id',
].join(', ');

/** A list of header names (RFC 9110 §5.6.2), as a browser asks about; anything else is not repeated back. */
const NAMES = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+(?: ?, ?[A-Za-z0-9!#$%&'*+.^_`|~-]+)*$/;
const MAX_NAMES_CHARACTERS = 1_024;

/**
 * Which web pages may call (WHATWG Fetch §3.2). Whose page it is cannot be known before the token is: a preflight carries
 * none, and an answer to a token that is not valid belongs to no tenant. Those are answered for every origin that some
 * tenant allows, and say nothing of any tenant; all others only for the origins of the token's own tenant.
 */
export class Cors {
  readonly #configurations: Pick<TenantConfigurations, 'of' | 'tenantIds'>;
  #union: ReadonlyMap<string, Terms> | null = null;

  constructor(configurations: Pick<TenantConfigurations, 'of' | 'tenantIds' | 'onChange'>) {
    this.#configurations = configurations;
    configurations.onChange(() => {
      this.#union = null;
    });
  }

  /** May pages of this origin act for this tenant's users? */
  allows(tenantId: TenantId, origin: string): boolean {
    return this.#configurations.of(tenantId).cors.allowedOrigins.includes(origin);
  }

  /** May they act for somebody's? */
  allowsSomewhere(origin: string): boolean {
    return this.#anyone().has(origin);
  }

  /** For an answer of which it is not known (yet) whose it is. */
  beginAnswer({ head, answerHeaders }: Exchange): void {
    const origin = head?.origin ?? null;
    const terms = origin === null ? undefined : this.#anyone().get(origin);
    if (origin !== null && terms !== undefined) answerHeaders.push(...grant(origin, terms.allowCredentials));
  }

  /** A step: the tenant is known now, and its word alone counts. */
  readonly narrowToTenant = ({ head, verified, answerHeaders }: Exchange): void => {
    const origin = head?.origin ?? null;
    if (origin === null || verified === null) return;
    for (let i = answerHeaders.length - 2; i >= 0; i -= 2)
      if (answerHeaders[i]?.startsWith('access-control-') === true) answerHeaders.splice(i, 2);
    const { tenantId } = verified.claims;
    if (this.allows(tenantId, origin))
      answerHeaders.push(...grant(origin, this.#configurations.of(tenantId).cors.allowCredentials));
  };

  /** The headers of the answer to OPTIONS, beside what `beginAnswer` has said. Null when it is no preflight. */
  preflight({ head, request }: Exchange, methods: readonly string[]): string[] | null {
    if (head === null || head.origin === null || request.headers['access-control-request-method'] === undefined)
      return null;
    const varying = ['vary', 'Access-Control-Request-Method, Access-Control-Request-Headers'];
    const terms = this.#anyone().get(head.origin);
    if (terms === undefined) return varying;
    const asked = request.headers['access-control-request-headers'] ?? '';
    const named = asked.length <= MAX_NAMES_CHARACTERS && NAMES.test(asked);
    return [
      ...varying,
      ...['access-control-allow-methods', methods.join(', ')],
      ...(named ? ['access-control-allow-headers', asked] : []),
      ...['access-control-max-age', String(terms.maxAgeSeconds)],
    ];
  }

  /**
   * The same for a path that may be a product's. A preflight does not say whose, and which tenants have a route there is
   * nobody's business: so it is one answer for all such paths, and the request itself is told what is there.
   */
  preflightOfProducts(exchange: Exchange): string[] | null {
    return exchange.request.method === 'OPTIONS' ? this.preflight(exchange, ['HEAD', ...ROUTED_METHODS]) : null;
  }

  /** Made again only when a configuration changed. Where tenants differ, a preflight is as strict as it can be. */
  #anyone(): ReadonlyMap<string, Terms> {
    if (this.#union !== null) return this.#union;
    const union = new Map<string, Terms>();
    const nobody: TenantId = newId('ten'); // has what everybody has who has nothing of its own
    for (const tenantId of [nobody, ...this.#configurations.tenantIds()])
      include(union, this.#configurations.of(tenantId).cors);
    this.#union = union;
    return union;
  }
}

function include(union: Map<string, Terms>, cors: TenantConfiguration['cors']): void {
  for (const origin of cors.allowedOrigins) {
    const known = union.get(origin);
    union.set(origin, {
      allowCredentials: cors.allowCredentials || known?.allowCredentials === true,
      maxAgeSeconds: Math.min(cors.maxAgeSeconds, known?.maxAgeSeconds ?? cors.maxAgeSeconds),
    });
  }
}

/** Never `*`: every grant names the one origin that asked. */
const grant = (origin: string, allowCredentials: boolean): string[] => [
  ...['access-control-allow-origin', origin, 'access-control-expose-headers', EXPOSED],
  ...(allowCredentials ? ['access-control-allow-credentials', 'true'] : []),
];
