import type { Bank, Instructions } from '../domain/payment-method.ts';

type Body = Readonly<Record<string, unknown>>;

const BANKS: readonly Bank[] = ['bca', 'bni', 'bri', 'permata'];

const isObject = (value: unknown): value is Body => typeof value === 'object' && value !== null;

/**
 * How to pay, as far as this answer says. Charge answers carry it for every method; status answers repeat a virtual
 * account's number, but neither QRIS codes nor GoPay links.
 */
export function readInstructions(body: Body): Instructions | null {
  // Permata alone has a field of its own and no va_numbers.
  if (typeof body['permata_va_number'] === 'string') return { bank: 'permata', vaNumber: body['permata_va_number'] };
  const account = readVirtualAccount(body['va_numbers']);
  if (account !== null) return account;
  const qrImageUrl = actionUrl(body, 'generate-qr-code');
  if (typeof body['qr_string'] === 'string') return { qrString: body['qr_string'], qrImageUrl };
  const deeplinkUrl = actionUrl(body, 'deeplink-redirect');
  return deeplinkUrl === null ? null : { deeplinkUrl, qrImageUrl };
}

function readVirtualAccount(list: unknown): Instructions | null {
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  if (!isObject(first)) return null;
  const bank = BANKS.find((known) => known === first['bank']);
  return bank !== undefined && typeof first['va_number'] === 'string' ? { bank, vaNumber: first['va_number'] } : null;
}

function actionUrl(body: Body, name: string): string | null {
  const actions: unknown = body['actions'];
  if (!Array.isArray(actions)) return null;
  const action: unknown = actions.find((candidate: unknown) => isObject(candidate) && candidate['name'] === name);
  return isObject(action) && typeof action['url'] === 'string' ? action['url'] : null;
}
