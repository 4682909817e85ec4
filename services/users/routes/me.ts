import type { UserId } from '@tenantry/kernel/id.ts';
import { type Route, serve, Versioned } from '@tenantry/kit/http/route.ts';
import * as contract from '../contract/me.ts';
import type { UsersDeps } from '../deps.ts';
import { changePassword } from '../use-cases/change-password.ts';
import { endSession } from '../use-cases/end-session.ts';
import { listSessions, readUser, updateProfile } from '../use-cases/read-users.ts';
import { toSessionView, toUserView } from './views.ts';

export const meRoutes = (deps: UsersDeps): Route[] => [
  serve(contract.readMe, async ({ principal }) => {
    const user = await readUser(deps)(principal, principal.id as UserId);
    return new Versioned(toUserView(user), user.version);
  }),
  serve(contract.updateMe, async ({ principal, body, ifMatchVersion }) => {
    const user = await updateProfile(deps)(principal, body, ifMatchVersion);
    return new Versioned(toUserView(user), user.version);
  }),
  serve(contract.changePassword, async ({ principal, body }) => {
    await changePassword(deps)(principal, body);
    return undefined;
  }),
  serve(contract.listSessions, async ({ principal }) => {
    const rows = await listSessions(deps)(principal);
    return { data: rows.map((row) => toSessionView(row, principal.sessionId)), nextCursor: null };
  }),
  serve(contract.endSession, async ({ principal, params }) => {
    await endSession(deps)(principal, params.sessionId);
    return undefined;
  }),
];
