import { PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import type { FieldError } from '@tenantry/kernel/problem.ts';
import { validationFailed } from '@tenantry/kernel/problems.ts';
import type { RouteInput } from '../contract/routes.ts';
import { routeTaken } from '../problems.ts';
import { findTransformFaults } from '../transform/find-faults.ts';
import { MAX_MAPPED_BYTES } from '../transform/json-text.ts';
import { parametersOf, REST, shapeOfPath } from './path-tree.ts';
import type { Registered, RouteRecord } from './records.ts';

const DEFAULT_MAX_BODY_BYTES = 1_048_576;

/** What of the other registrations a route is checked against. */
export type Neighbours = {
  readonly hasUpstream: (key: Pick<Registered, 'id' | 'tenantId'>) => Promise<boolean>;
  readonly routesOf: (tenantId: Registered['tenantId']) => readonly RouteRecord[];
};

/** A route with its meaning checked, and what was left out. */
export const completeRoute =
  ({ hasUpstream, routesOf }: Neighbours) =>
  async (
    input: RouteInput,
    { id, tenantId }: Pick<Registered, 'id' | 'tenantId'>,
  ): Promise<Omit<RouteRecord, keyof Registered>> => {
    const errors: FieldError[] = [];
    const access = input.access ?? 'token';
    if (!(await hasUpstream({ id: input.upstreamId, tenantId })))
      errors.push({ path: '/upstreamId', message: 'is not an upstream of this tenant' });
    if (access === 'public') {
      if (tenantId !== PLATFORM_TENANT_ID) errors.push({ path: '/access', message: 'public is for the platform only' });
      for (const field of ['permission', 'entitlement'] as const)
        if (input[field] !== undefined && input[field] !== null)
          errors.push({ path: `/${field}`, message: 'needs access by token' });
    }
    if (input.webSocket === true && !input.methods.includes('GET'))
      errors.push({ path: '/webSocket', message: 'needs GET among the methods: that is how a WebSocket opens' });
    const names = parametersOf(input.path);
    if (new Set(names).size < names.length)
      errors.push({ path: '/path', message: 'has two parameters of the same name' });
    if (names.includes(REST))
      errors.push({ path: '/path', message: `has a parameter named ${REST}, which is what * stands for` });
    const mapsBody = (input.transform?.request?.body ?? []).length > 0;
    if (mapsBody && (input.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES) > MAX_MAPPED_BYTES)
      errors.push({ path: '/maxBodyBytes', message: `must be at most ${MAX_MAPPED_BYTES} where bodies are changed` });
    errors.push(...findTransformFaults(input.transform ?? {}, { path: input.path, isPublic: access === 'public' }));
    if (errors.length > 0) {
      const paths = errors.map(({ path }) => path).join(', ');
      throw validationFailed(`The route has ${errors.length} fault(s): ${paths}. Correct them and send it again.`, {
        errors,
      });
    }
    const shape = shapeOfPath(input.path);
    const rival = routesOf(tenantId).find(
      (other) =>
        other.id !== id &&
        shapeOfPath(other.path) === shape &&
        other.methods.some((method) => input.methods.includes(method)),
    );
    if (rival !== undefined)
      throw routeTaken(
        `The route ${rival.id} takes these requests already (${rival.path}). Change or remove it first.`,
      );
    return {
      upstreamId: input.upstreamId,
      methods: [...input.methods],
      path: input.path,
      access,
      permission: input.permission ?? null,
      entitlement: input.entitlement ?? null,
      rateLimit: input.rateLimit ?? null,
      transform: input.transform ?? null,
      maxBodyBytes: input.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
      timeoutMs: input.timeoutMs ?? null,
      webSocket: input.webSocket ?? false,
      cookies: input.cookies ?? false,
      retry: input.retry ?? 'idempotent',
    };
  };
