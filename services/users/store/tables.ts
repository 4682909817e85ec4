import type { TenantReader, TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';

export type UsersTables = {
  tenants: {
    tenant_id: string;
    slug: string;
    name: string;
    status: 'trial' | 'active' | 'suspended' | 'closed';
    country: string;
    currency: 'IDR' | 'USD' | 'EUR' | 'SGD' | 'JPY' | 'KWD';
    time_zone: string;
    mode: 'live' | 'test';
    tax_registered: boolean;
    npwp: string | null;
    version: number;
    created_at: Temporal.Instant;
  };
  users: {
    tenant_id: string;
    id: string;
    email: string;
    name: string;
    locale: 'id' | 'en';
    status: 'invited' | 'unverified' | 'active' | 'locked' | 'disabled' | 'erased';
    password_hash: string;
    roles: RoleName[];
    version: number;
    created_at: Temporal.Instant;
  };
  sessions: {
    tenant_id: string;
    id: string;
    user_id: string;
    created_at: Temporal.Instant;
    last_used_at: Temporal.Instant;
    expires_at: Temporal.Instant;
    revoked_at: Temporal.Instant | null;
  };
  refresh_tokens: {
    tenant_id: string;
    hash: string;
    session_id: string;
    issued_at: Temporal.Instant;
    used_at: Temporal.Instant | null;
  };
  mail_tokens: SignUpColumns & {
    tenant_id: string;
    hash: string;
    user_id: string;
    purpose: string;
    expires_at: Temporal.Instant;
    used_at: Temporal.Instant | null;
  };
  mail_intents: SignUpColumns & {
    tenant_id: string;
    id: string;
    user_id: string;
    purpose: MailPurpose;
    created_at: Temporal.Instant;
    sent_at: Temporal.Instant | null;
  };
};

/** What somebody signed up with, waiting for the proof that the address is theirs. */
export type SignUpColumns = {
  password_hash: string | null;
  name: string | null;
  locale: 'id' | 'en' | null;
};

export type RoleName = 'owner' | 'admin' | 'billing' | 'member' | 'operator';
export type MailPurpose = 'verification' | 'already-registered';
export type TenantRow = UsersTables['tenants'];
export type UserRow = UsersTables['users'];
export type SessionRow = UsersTables['sessions'];

export type UsersUnitOfWork = TenantUnitOfWork<UsersTables>;
export type UsersReader = TenantReader<UsersTables>;
