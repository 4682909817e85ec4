import { readSessionStanding as readSessionStandingEndpoint } from '@tenantry/contract/session-standing.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import { type Route, serve } from '@tenantry/kit/http/route.ts';
import { toPage } from '@tenantry/kit/paging.ts';
import * as contract from '../contract/users.ts';
import type { UsersDeps } from '../deps.ts';
import { assignRoles } from '../use-cases/assign-roles.ts';
import { disableUser } from '../use-cases/disable-user.ts';
import { readSessionStanding } from '../use-cases/read-session-standing.ts';
import { listTenantUsers, readUser } from '../use-cases/read-users.ts';
import { toUserView } from './views.ts';

export const userRoutes = (deps: UsersDeps): Route[] => [
  serve(contract.listUsers, async ({ principal, query }) => {
    const { rows, limit } = await listTenantUsers(deps)(principal, query);
    return toPage(rows, limit, (row) => row.id, toUserView);
  }),
  serve(contract.readUser, async ({ principal, params }) => toUserView(await readUser(deps)(principal, params.userId))),
  serve(contract.assignRoles, async ({ principal, params, body }) =>
    toUserView(await assignRoles(deps)(principal, params.userId, body.roles)),
  ),
  serve(contract.disableUser, async ({ principal, params }) =>
    toUserView(await disableUser(deps)(principal, params.userId)),
  ),
  serve(contract.readContact, async ({ principal, params }) => {
    const { id, name, email, locale } = await readUser(deps)(principal, params.userId);
    return { userId: idFromUuid('usr', id), name, email, locale };
  }),
  serve(readSessionStandingEndpoint, async ({ principal, params }) => ({
    standing: await readSessionStanding(deps)(principal.tenantId, params.sessionId),
  })),
];
