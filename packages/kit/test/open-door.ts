import { grantsOf } from '@tenantry/auth/permissions.ts';
import { type Principal, servicePrincipal } from '@tenantry/auth/principal.ts';
import type { WithTenant } from '@tenantry/databases/unit-of-work.ts';
import { newId, type TenantId } from '@tenantry/kernel/id.ts';
import { unauthenticated } from '@tenantry/kernel/problems.ts';
import { Answering } from '../http/answering.ts';
import { createPruningSchedule } from '../http/idempotency-pruning.ts';
import type { Authenticate } from '../http/passport-check.ts';
import type { Route } from '../http/route.ts';
import { createHttpServer } from '../http/server.ts';
import { createLogger } from '../logger.ts';

export const userOf = (tenantId: TenantId, roles: readonly string[]): Principal => ({
  kind: 'user',
  tenantId,
  id: newId('usr'),
  grants: grantsOf(roles, false),
  roles,
  sessionId: newId('ses'),
  onBehalfOf: null,
});

export type Asked = {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD';
  readonly url: string;
  readonly as?: Principal | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object goes as JSON, a text or bytes as they are. */
  readonly body?: object | string;
};

/** A service's HTTP side without the service: who calls is told by the test instead of by a passport. */
export function openDoor(
  routes: readonly Route[],
  withTenant: WithTenant<unknown> | null = null,
  fingerprintKeys: readonly [Buffer, ...Buffer[]] = [Buffer.alloc(32, 7)],
) {
  const principals = new Map<string, Principal>();
  const authenticate: Authenticate = async (headers) => {
    const principal = principals.get(String(headers['x-test-principal']));
    if (principal === undefined) throw unauthenticated('No passport.');
    return principal;
  };
  let isReady = true;
  const answering = new Answering({
    service: 'things',
    routes,
    authenticate,
    idempotency: withTenant === null ? null : { withTenant, fingerprintKeys, pruning: createPruningSchedule() },
    isReady: async () => isReady,
    logger: createLogger({ service: 'things', instanceId: 'things-1', level: 'silent' }),
  });
  const app = createHttpServer(answering);
  const tenantId = newId('ten');
  const admin = userOf(tenantId, ['admin']);
  const nameOf = (principal: Principal | null): string => {
    if (principal === null) return 'nobody';
    const name = `${principal.tenantId} ${principal.id}`;
    principals.set(name, principal);
    return name;
  };
  return {
    answering,
    app,
    /** What a request says to come from this principal. */
    headersOf: (principal: Principal | null) => ({ 'x-test-principal': nameOf(principal) }),
    tenantId,
    admin,
    member: userOf(tenantId, ['member']),
    service: servicePrincipal('billing', tenantId),
    setReady: (ready: boolean) => {
      isReady = ready;
    },
    async ask({ method = 'GET', url, as = admin, headers = {}, body }: Asked) {
      const isText = typeof body === 'string' || Buffer.isBuffer(body);
      const answer = await app.inject({
        method,
        url,
        headers: {
          'x-test-principal': nameOf(as),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { payload: isText ? body : JSON.stringify(body) }),
      });
      const isJson = String(answer.headers['content-type']).includes('json') && answer.body !== '';
      return {
        status: answer.statusCode,
        headers: answer.headers,
        text: answer.body,
        bytes: answer.rawPayload,
        body: (isJson ? answer.json() : null) as Record<string, unknown> | null,
      };
    },
    close: () => app.close(),
  };
}

export type Door = ReturnType<typeof openDoor>;
