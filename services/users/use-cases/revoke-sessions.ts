import { emit } from '@tenantry/events/emit.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { sessionRevoked } from '../contract/events.ts';
import { PUBLISH_REVOCATION } from '../domain/obligations.ts';
import { endSessions } from '../store/sessions.ts';
import type { UsersUnitOfWork } from '../store/tables.ts';

/** Ends sessions of a user and has it told to every gateway, as part of the caller's transaction. */
export async function revokeSessions(
  uow: UsersUnitOfWork,
  userUuid: string,
  which: { only?: string; except?: string } = {},
): Promise<number> {
  const ended = await endSessions(uow, userUuid, which);
  for (const uuid of ended) {
    const sessionId = idFromUuid('ses', uuid);
    await schedule(uow, PUBLISH_REVOCATION, sessionId, uow.now);
    await emit(uow, sessionRevoked, {
      subject: sessionId,
      version: 1,
      data: { sessionId, userId: idFromUuid('usr', userUuid) },
    });
  }
  return ended.length;
}
