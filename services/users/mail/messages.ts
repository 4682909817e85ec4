import type { Mail } from './mailer.ts';

type Facts = { readonly to: string; readonly name: string; readonly tenantName: string; readonly locale: 'id' | 'en' };

/** The only mail that an account gets before it is verified. */
export function verificationMail(facts: Facts & { readonly link: string; readonly lifeHours: number }): Mail {
  const { name, tenantName, link, lifeHours } = facts;
  return facts.locale === 'id'
    ? {
        to: facts.to,
        subject: `Verifikasi akun Anda di ${tenantName}`,
        text: `Halo ${name},\n\nbuka tautan ini untuk memverifikasi alamat e-mail Anda:\n${link}\n\nTautan berlaku ${lifeHours} jam dan hanya satu kali. Jika bukan Anda yang mendaftar, abaikan pesan ini.\n`,
      }
    : {
        to: facts.to,
        subject: `Verify your account at ${tenantName}`,
        text: `Hello ${name},\n\nopen this link to verify your e-mail address:\n${link}\n\nIt is valid for ${lifeHours} hours and works once. If you did not sign up, ignore this message.\n`,
      };
}

/** Told to the owner of the address instead of to whoever typed it in. */
export const alreadyRegisteredMail = ({ to, name, tenantName, locale }: Facts): Mail =>
  locale === 'id'
    ? {
        to,
        subject: `Anda sudah punya akun di ${tenantName}`,
        text: `Halo ${name},\n\nseseorang mencoba mendaftar di ${tenantName} dengan alamat ini, tetapi akun Anda sudah ada. Jika itu Anda, silakan masuk. Jika bukan, Anda tidak perlu melakukan apa pun.\n`,
      }
    : {
        to,
        subject: `You already have an account at ${tenantName}`,
        text: `Hello ${name},\n\nsomebody tried to sign up at ${tenantName} with this address, but your account exists. If it was you, sign in. If not, there is nothing you need to do.\n`,
      };
