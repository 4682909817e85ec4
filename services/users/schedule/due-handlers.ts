import type { DueHandler } from '@tenantry/kit/due/ticker.ts';
import type { UsersDeps } from '../deps.ts';
import { PUBLISH_REVOCATION, PUBLISH_TENANT, SEND_MAIL } from '../domain/obligations.ts';
import { createRevocationPublisher } from '../use-cases/publish-revocation.ts';
import { createTenantPublisher } from '../use-cases/publish-tenant.ts';
import { sendMail } from '../use-cases/send-mail.ts';

/** What this service does because time passed. */
export async function dueHandlers(deps: UsersDeps): Promise<Record<string, DueHandler>> {
  const publishTenant = await createTenantPublisher(deps);
  const publishRevocation = await createRevocationPublisher(deps);
  const send = sendMail(deps);
  return {
    [SEND_MAIL]: async ({ tenantId, uuid }) => {
      await send(tenantId, uuid);
      return undefined;
    },
    [PUBLISH_TENANT]: async ({ tenantId }) => {
      await publishTenant(tenantId);
      return undefined;
    },
    [PUBLISH_REVOCATION]: async ({ uuid }) => {
      await publishRevocation(uuid);
      return undefined;
    },
  };
}
