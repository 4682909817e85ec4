import type { Sighting } from './find-canaries.ts';

/** Where something that is told in confidence may be, and why. What is not declared here is a leak. */
export type Permission = {
  readonly kinds: readonly string[];
  readonly places: RegExp;
  readonly because: string;
  /** Not in every run: for a moment only, or in a form that cannot be looked for. */
  readonly isOptional?: true;
};

const SERVICES = '(gateway|hub|users|subscriptions|payments|notifications|billing)';
const TENANT_RECORD =
  /^(PostgreSQL users\.tenants\.(name|npwp)|NATS KV_tenants|file snapshots\/\w+-tenants\.json|answer 20\d \w+ \/v1\/tenants?)$/;

export const PERMISSIONS: readonly Permission[] = [
  {
    kinds: ['master key'],
    places: new RegExp(`^environment of ${SERVICES}: TENANTRY_MASTER_KEY$`),
    because:
      'each service derives its own keys and passwords; with it one has the house (ARCHITECTURE.md, Who is believed)',
  },
  {
    kinds: ['operator password'],
    places: /^environment of users: TENANTRY_OPERATOR_PASSWORD$/,
    because: 'users makes the first operator',
  },
  {
    kinds: ['superuser password'],
    places: /^file postgresql\.password$/,
    because: 'the launcher migrates with it; mode 0600',
  },
  {
    kinds: ['Redis password'],
    places: new RegExp(`^(file redis/redis\\.conf|environment of ${SERVICES}: REDIS_URL)$`),
    because: 'the server asks for it, the services show it; mode 0600',
  },
  { kinds: ['NATS token'], places: /^file nats\/nats\.conf$/, because: 'the server asks for it; mode 0600' },
  {
    kinds: ['password hash (shape)'],
    places: /^PostgreSQL users\.(users|mail_intents|mail_tokens)\.password_hash$/,
    because: 'passwords are compared with it; of a sign-up until it is proven',
  },
  {
    kinds: ['access token', 'signed token (shape)', 'refresh token'],
    places: /^answer 200 POST \/v1\/auth\/(login|refresh)$/,
    because: 'whoever signs in is given them',
  },
  {
    kinds: ['mail token', 'e-mail', 'name', 'business'],
    places: /^file simulators\/mailbox\.json$/,
    because: 'the mailbox of whoever signs up is outside of the system',
  },
  {
    kinds: ['link code'],
    places: /^answer 201 POST \/v1\/me\/telegram-links$/,
    because: 'whoever links an account is given it',
  },
  {
    kinds: ['webhook secret', 'link code', 'chat id', 'Telegram name'],
    places: /^file simulators\/telegram\.json$/,
    because: 'Telegram is outside of the system',
  },
  {
    kinds: ['server key', 'webhook signature', 'account number'],
    places: /^file (simulators\/)?midtrans(-simulator)?\.json$/,
    because: 'Midtrans is outside of the system',
  },
  {
    kinds: ['idempotency key'],
    places: /^PostgreSQL \w+\.idempotency_keys\.key$/,
    because: 'a repeat is known by it, for a day',
  },
  {
    kinds: ['NPWP', 'business'],
    places: TENANT_RECORD,
    because: 'the directory of tenants is pushed to every service: invoices name the seller (ARCHITECTURE.md, Tenancy)',
  },
  {
    kinds: ['NPWP', 'business', 'account number'],
    places: /^PostgreSQL (users|subscriptions)\.idempotency_keys\.response$/,
    because: 'a repeat gets the same answer, for a day; row-level security',
  },
  {
    kinds: ['business', 'NPWP', 'name'],
    places: /^answer 200 GET \/v1\/invoices\/:id\/pdf$/,
    because: 'an invoice names seller and buyer',
    isOptional: true,
  },
  {
    kinds: ['e-mail', 'name'],
    places: /^(PostgreSQL users\.users\.(email|name)|PostgreSQL users\.mail_(intents|tokens)\.name)$/,
    because: 'users is where people are; row-level security',
  },
  {
    kinds: ['e-mail', 'name'],
    places: /^answer 200 (GET|PATCH|POST) \/v1\/(me|users|users\/:id|auth\/login|auth\/refresh)$/,
    because: 'people see themselves, admins their members; who sees whom is the other half of this test',
  },
  {
    kinds: ['chat id'],
    places: /^PostgreSQL notifications\.(notifications|telegram_links)\.chat_id$/,
    because: 'where messages go; row-level security',
  },
  {
    kinds: ['chat id'],
    places: /^Redis .*telegram/,
    because: 'so many messages a second to one chat: counted for a second or a minute',
    isOptional: true,
  },
  {
    kinds: ['account number'],
    places:
      /^(PostgreSQL payments\.(events\.data|payments\.instructions)|answer 20\d \w+ \/v1\/(subscriptions|payments)(\/:id)?)$/,
    because: 'a number for one payment, which its payer is shown',
  },
  {
    kinds: ['name in a body', 'name in the query', 'value in the path', 'path'],
    places: /^answer 4\d\d /,
    because: 'whoever sent it is told which member or address is wrong; nobody else is',
  },
  {
    kinds: ['slug of nobody'],
    places: /^Redis .*failed-guesses/,
    because: 'guesses at a tenant and an account are counted under both, the account hashed; for a while',
    isOptional: true,
  },
];

/** A store keeps in its files what may be in it. */
const RAW: readonly (readonly [files: RegExp, store: string])[] = [
  [/^file postgresql\//, 'PostgreSQL '],
  [/^file redis\//, 'Redis '],
  [/^file nats\//, 'NATS '],
];

/** Of what the test itself wrote into a table to see how the system fails. */
const PLANTED = { kinds: ['unheard-of role'], files: /^file postgresql\// };

export function permissionFor({ kind, place }: Sighting): Permission | null | undefined {
  const ofKind = PERMISSIONS.filter(({ kinds }) => kinds.includes(kind));
  const named = ofKind.find(({ places }) => places.test(place));
  if (named !== undefined) return named;
  const [, store] = RAW.find(([files]) => files.test(place)) ?? [];
  if (store !== undefined && ofKind.some(({ places }) => places.source.includes(store))) return null;
  return PLANTED.kinds.includes(kind) && PLANTED.files.test(place) ? null : undefined;
}
