import { endpoint } from '@tenantry/contract/endpoint.ts';
import {
  Closed,
  DisplayNameSchema,
  IdSchema,
  InstantSchema,
  PageOf,
  PageQuery,
  SlugSchema,
} from '@tenantry/contract/schemas.ts';
import { TenantRecordSchema } from '@tenantry/contract/tenant-record.ts';
import { invalidTransition, notFound, stale } from '@tenantry/kernel/problems.ts';
import { Type } from 'typebox';
import { slugTaken, weakPassword } from '../problems.ts';
import { NewUserFields } from './schemas.ts';

/** NPWP as the tax office writes it since 2024: 16 digits (PMK 136/2023). */
const TaxFields = Closed({ registered: Type.Boolean(), npwp: Type.Optional(Type.String({ pattern: '^\\d{16}$' })) });

export const TenantView = Closed({
  ...TenantRecordSchema.properties,
  createdAt: InstantSchema,
});

const TenantParams = Closed({ tenantId: IdSchema('ten') });

export const createTenant = endpoint({
  name: 'users.create-tenant',
  method: 'POST',
  path: '/v1/tenants',
  summary: 'Create a tenant with its first admin, who can sign in at once',
  permission: 'tenant:create',
  reach: 'platform',
  status: 201,
  idempotency: true,
  body: Closed({
    slug: SlugSchema,
    name: DisplayNameSchema,
    country: Type.String({ pattern: '^[A-Z]{2}$', description: 'ISO 3166-1 alpha-2' }),
    currency: TenantRecordSchema.properties.currency,
    timeZone: Type.String({ minLength: 1, maxLength: 64, description: 'IANA name' }),
    mode: Type.Optional(TenantRecordSchema.properties.mode),
    tax: Type.Optional(TaxFields),
    admin: Closed(NewUserFields),
  }),
  response: TenantView,
  problems: [slugTaken, weakPassword],
  example: {
    body: {
      slug: 'acme',
      name: 'Acme Trading',
      country: 'ID',
      currency: 'IDR',
      timeZone: 'Asia/Jakarta',
      tax: { registered: true, npwp: '0012345678901000' },
      admin: { email: 'admin@acme.example', password: 'correct horse battery', name: 'Ayu' },
    },
  },
});

export const listTenants = endpoint({
  name: 'users.list-tenants',
  method: 'GET',
  path: '/v1/tenants',
  summary: 'All tenants, newest first',
  permission: 'tenant:list',
  reach: 'platform',
  query: PageQuery,
  response: PageOf(TenantView),
});

const transition = <const Verb extends string>(verb: Verb, summary: string) =>
  endpoint({
    name: `users.${verb}-tenant`,
    method: 'POST',
    path: `/v1/tenants/:tenantId/${verb}`,
    summary,
    permission: `tenant:${verb}`,
    reach: 'platform',
    params: TenantParams,
    response: TenantView,
    problems: [invalidTransition, notFound],
    example: { params: { tenantId: 'ten_01h455vb4pex5vsknk084sn02q' } },
  });

export const suspendTenant = transition('suspend', 'Stop a tenant: its tokens are refused until it is reactivated');
export const reactivateTenant = transition('reactivate', 'Let a suspended tenant work again');
export const closeTenant = transition('close', 'End a tenant for good');

export const readOwnTenant = endpoint({
  name: 'users.read-own-tenant',
  method: 'GET',
  path: '/v1/tenant',
  summary: 'The tenant of this token',
  permission: 'tenant:read',
  reach: 'own',
  response: TenantView,
});

export const updateOwnTenant = endpoint({
  name: 'users.update-own-tenant',
  method: 'PATCH',
  path: '/v1/tenant',
  summary: 'Change name or tax identity of the tenant of this token',
  permission: 'tenant:update',
  reach: 'tenant',
  body: Closed({ name: Type.Optional(DisplayNameSchema), tax: Type.Optional(TaxFields) }),
  response: TenantView,
  problems: [stale],
  example: { body: { name: 'Acme Trading' } },
});
