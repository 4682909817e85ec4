import type { DefinedProblem } from '@tenantry/kernel/problem.ts';
import type { Static, TSchema, Type } from 'typebox';
import { Closed } from './schemas.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** How far a permission goes: one's own things, the whole tenant, or (in tenant zero only) the platform. */
export type Reach = 'own' | 'tenant' | 'platform';

/** `resource:action`, for example `invoice:finalize`. */
export type Permission = `${string}:${string}`;

/** Names of services; `any` is whoever belongs to the house. */
export type Callers = readonly string[] | 'any';

/**
 * Who may call. `public`: nobody is asked for a token (the endpoint checks a signature or an opaque token itself).
 * `services`: never routed by the gateway; only the services that are named get in, each by its passport.
 */
export type Access =
  | { readonly access: 'public' }
  | { readonly access: 'services'; readonly callers: Callers }
  | { readonly access?: 'principal'; readonly permission: Permission; readonly reach: Reach };

export type EndpointOptions<P extends TSchema, Q extends TSchema, B extends TSchema, R extends TSchema> = Access & {
  /** `owner.verb-object`, unique in the system; becomes the operationId. */
  readonly name: string;
  readonly method: Method;
  /** With `:param` segments. */
  readonly path: string;
  readonly summary: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly response?: R;
  /** Of a success; 200 unless said, 204 where there is no response schema. */
  readonly status?: 200 | 201 | 202 | 204;
  /** Anything but JSON, for example `application/pdf`: the handler answers a file. */
  readonly produces?: string;
  readonly problems?: readonly DefinedProblem[];
  /** A valid request, for the documentation and for the tests that walk every endpoint. */
  readonly example?: {
    readonly params?: Readonly<Record<string, string>>;
    readonly query?: Readonly<Record<string, string>>;
    readonly body?: unknown;
  };
  /** Honours Idempotency-Key: for every POST that creates, consumes or moves money. */
  readonly idempotency?: boolean;
  /** A tighter limit than the tenant's, counted per client address: for sign-in and other guessable things. */
  readonly rateLimit?: { readonly limit: number; readonly windowSeconds: number };
  /** The longest body taken, 1 MiB unless said. */
  readonly maxBodyBytes?: number;
  /** Long bodies reach the service while they still arrive, instead of being held whole by the gateway. */
  readonly streamsBody?: boolean;
  /** A GET that is upgraded to a WebSocket. */
  readonly webSocket?: boolean;
  /** Called by machines every few seconds: a success is not worth a line in the log. */
  readonly isRoutine?: boolean;
};

export type Endpoint<
  P extends TSchema = TSchema,
  Q extends TSchema = TSchema,
  B extends TSchema = TSchema,
  R extends TSchema = TSchema,
> = {
  readonly name: string;
  readonly method: Method;
  readonly path: string;
  readonly summary: string;
  readonly access: 'public' | 'services' | 'principal';
  /** Which services may call; what is for clients comes through the gateway. */
  readonly callers: Callers;
  readonly permission: Permission | null;
  readonly reach: Reach | null;
  readonly params: P;
  readonly query: Q;
  readonly body: B | null;
  readonly response: R | null;
  readonly status: number;
  readonly produces: string;
  readonly problems: readonly DefinedProblem[];
  readonly example: {
    readonly params: Readonly<Record<string, string>>;
    readonly query: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
  readonly idempotency: boolean;
  readonly rateLimit: { readonly limit: number; readonly windowSeconds: number } | null;
  readonly maxBodyBytes: number;
  readonly streamsBody: boolean;
  readonly webSocket: boolean;
  readonly isRoutine: boolean;
};

export type ParamsOf<E> = E extends Endpoint<infer P, TSchema, TSchema, TSchema> ? Static<P> : never;
export type QueryOf<E> = E extends Endpoint<TSchema, infer Q, TSchema, TSchema> ? Static<Q> : never;
export type BodyOf<E> = E extends Endpoint<TSchema, TSchema, infer B, TSchema> ? Static<B> : never;
export type ResponseOf<E> = E extends Endpoint<TSchema, TSchema, TSchema, infer R> ? Static<R> : never;

const Nothing = Closed({});
/** Our requests are forms, not files: a hundred invoice lines fit several times over. */
const DEFAULT_MAX_BODY_BYTES = 131_072;

/**
 * The only definition of an operation. From it come the route with its validation, the typed client between services,
 * the OpenAPI operation, the gateway's route, and the authorisation matrix that the security tests walk.
 */
export function endpoint<
  const P extends TSchema = typeof Nothing,
  const Q extends TSchema = typeof Nothing,
  const B extends TSchema = Type.TNever,
  const R extends TSchema = Type.TUndefined,
>(options: EndpointOptions<P, Q, B, R>): Endpoint<P, Q, B, R> {
  const guarded = 'permission' in options;
  return {
    name: options.name,
    method: options.method,
    path: options.path,
    summary: options.summary,
    access: options.access ?? 'principal',
    callers: 'callers' in options ? options.callers : ['gateway'],
    permission: guarded ? options.permission : null,
    reach: guarded ? options.reach : null,
    params: options.params ?? (Nothing as TSchema as P),
    query: options.query ?? (Nothing as TSchema as Q),
    body: options.body ?? null,
    response: options.response ?? null,
    status: options.status ?? (options.response === undefined && options.produces === undefined ? 204 : 200),
    produces: options.produces ?? 'application/json',
    problems: options.problems ?? [],
    example: {
      params: options.example?.params ?? {},
      query: options.example?.query ?? {},
      body: options.example?.body,
    },
    idempotency: options.idempotency ?? false,
    rateLimit: options.rateLimit ?? null,
    maxBodyBytes: options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
    streamsBody: options.streamsBody ?? false,
    webSocket: options.webSocket ?? false,
    isRoutine: options.isRoutine ?? false,
  };
}

/** The names of the `:param` segments of a path. */
export const paramNames = (path: string): readonly string[] =>
  [...path.matchAll(/:([A-Za-z]+)/g)].map((match) => match[1] ?? '');
