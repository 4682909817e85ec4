import { randomUUIDv7 } from 'node:crypto';

/**
 * Identifiers as TypeIDs (github.com/jetify-com/typeid, spec 0.3): a type prefix, `_`, and a UUIDv7 in 26 characters of
 * Crockford's base32. Sorting them sorts by time of creation: to the millisecond between processes, exactly within one.
 * Inside SQL the bare UUID is stored.
 */
export type Id<Prefix extends string = string> = `${Prefix}_${string}`;

export type TenantId = Id<'ten'>;
export type UserId = Id<'usr'>;
export type SessionId = Id<'ses'>;
export type PlanId = Id<'pln'>;
export type SubscriptionId = Id<'sub'>;
export type InvoiceId = Id<'inv'>;
export type PaymentId = Id<'pay'>;
export type RefundId = Id<'rfd'>;
export type BotId = Id<'bot'>;
export type NotificationId = Id<'ntf'>;

/** Who subscribes and pays: a user of the tenant or, at tenant zero, a whole tenant. */
export type CustomerId = UserId | TenantId;
/** Which of them, as tables say it beside the bare UUID. */
export type CustomerKind = 'usr' | 'ten';

/** Tenant zero: whoever runs the platform. Fixed, so that every process knows it without asking. */
export const PLATFORM_TENANT_ID: TenantId = 'ten_00000000000000000000000000';
export const PLATFORM_TENANT_UUID = '00000000-0000-0000-0000-000000000000';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const VALUES = new Map([...ALPHABET].map((char, value) => [char, BigInt(value)]));
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
// 26 × 5 bits are two more than a UUID has: a first character above 7 would overflow it.
const SUFFIX = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;
const ANY_ID = /^[a-z]+_[0-7][0-9a-hjkmnp-tv-z]{25}$/;

export const isUuid = (text: string): boolean => UUID.test(text);

/**
 * Makes random UUIDs of version 7 sort in the order in which they are drawn. Node's own are in random order within a
 * millisecond, so the 12 bits after the version become a counter (RFC 9562 §6.2, method 1), also after the clock was set
 * back. It starts in the lower half, for room to count; when it overflows, the time runs ahead by a millisecond.
 */
export function inOrder(draw: () => string): () => string {
  let latestMs = 0;
  let counter = 0;
  return () => {
    const drawn = draw();
    const nowMs = Number.parseInt(drawn.slice(0, 8) + drawn.slice(9, 13), 16);
    if (nowMs > latestMs) {
      latestMs = nowMs;
      counter = Number.parseInt(drawn.slice(15, 18), 16) >> 1;
    } else if (++counter > 0xfff) {
      latestMs++;
      counter = 0;
    }
    const time = latestMs.toString(16).padStart(12, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}${drawn.slice(18)}`;
  };
}

/** A new, time-ordered UUID (RFC 9562 §5.7). What this process creates later sorts later. */
export const newUuid: () => string = inOrder(randomUUIDv7);

export const newId = <Prefix extends string>(prefix: Prefix): Id<Prefix> => idFromUuid(prefix, newUuid());

/** The id that shows `uuid` under `prefix`. Throws a RangeError when `uuid` is not a lower-case UUID. */
export function idFromUuid<Prefix extends string>(prefix: Prefix, uuid: string): Id<Prefix> {
  if (!UUID.test(uuid)) throw new RangeError(`Not a UUID: ${uuid}`);
  let bits = BigInt(`0x${uuid.replaceAll('-', '')}`);
  let suffix = '';
  for (let i = 0; i < 26; i++) {
    suffix = ALPHABET[Number(bits & 31n)] + suffix;
    bits >>= 5n;
  }
  return `${prefix}_${suffix}`;
}

/** The UUID inside an id. Throws a RangeError when the text is no id; use `isId` on input from outside. */
export function uuidOf(id: Id): string {
  if (!ANY_ID.test(id)) throw new RangeError(`Not an id: ${id}`);
  let bits = 0n;
  for (const char of id.slice(-26)) bits = (bits << 5n) | (VALUES.get(char) ?? 0n);
  const hex = bits.toString(16).padStart(32, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export const isId = <Prefix extends string>(prefix: Prefix, text: string): text is Id<Prefix> =>
  text.startsWith(`${prefix}_`) && SUFFIX.test(text.slice(prefix.length + 1));

export const customerKindOf = (id: CustomerId): CustomerKind => (isId('ten', id) ? 'ten' : 'usr');

/** The pattern of ids with this prefix, for schemas. */
export const idPattern = (prefix: string): string => `^${prefix}_[0-7][0-9a-hjkmnp-tv-z]{25}$`;
