import type { TenantId } from '@tenantry/kernel/id.ts';
import type { UsersDeps } from '../deps.ts';
import { hashOpaqueToken, mintOpaqueToken } from '../keys/opaque-token.ts';
import { alreadyRegisteredMail, verificationMail } from '../mail/messages.ts';
import { isRefusedForGood } from '../mail/refused-for-good.ts';
import { findMailIntent, insertMailToken, markMailSent } from '../store/mail.ts';
import { findTenant } from '../store/tenants.ts';
import { findUser } from '../store/users.ts';

const LINK_LIFE_HOURS = 24;

/**
 * Sends a mail that a use case asked for. The token is minted now and stored as a hash before it leaves. Dying between
 * sending and noting it sends a second mail with a second token; both work until one is used.
 */
export const sendMail =
  ({
    databases,
    mailer,
    configuration,
    logger,
  }: Pick<UsersDeps, 'databases' | 'mailer' | 'configuration' | 'logger'>) =>
  async (tenantId: TenantId, uuid: string): Promise<void> => {
    const prepared = await databases.withTenant(tenantId, async (uow) => {
      const intent = await findMailIntent(uow, uuid);
      if (intent === undefined || intent.sent_at !== null) return null;
      const user = await findUser(uow, intent.user_id);
      const tenant = await findTenant(uow);
      if (user === undefined || tenant === undefined) return null;
      const { password_hash, name, locale } = intent;
      // To the owner of an address we speak with the name that they gave, not with the one that a stranger typed in.
      const facts = {
        to: user.email,
        name: intent.purpose === 'verification' ? (name ?? user.name) : user.name,
        tenantName: tenant.name,
        locale: locale ?? user.locale,
      };
      if (intent.purpose === 'already-registered') return alreadyRegisteredMail(facts);
      if (user.status !== 'unverified') return null;
      const token = mintOpaqueToken('vt', tenantId);
      await insertMailToken(uow, {
        hash: hashOpaqueToken(token),
        userUuid: user.id,
        purpose: intent.purpose,
        signUp: { password_hash, name, locale },
        expiresAt: uow.now.add({ hours: LINK_LIFE_HOURS }),
      });
      const link = `${configuration.PUBLIC_URL}/console/verify?token=${token}`;
      return verificationMail({ ...facts, link, lifeHours: LINK_LIFE_HOURS });
    });
    if (prepared !== null) {
      try {
        await mailer.send(prepared);
      } catch (error) {
        if (!isRefusedForGood(error)) throw error;
        logger.warn({ tenantId, mailId: uuid }, 'the mail server refuses this mail for good; it is given up');
      }
    }
    await databases.withTenant(tenantId, (uow) => markMailSent(uow, uuid));
  };
