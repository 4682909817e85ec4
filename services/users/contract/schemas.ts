import {
  Closed,
  DisplayNameSchema,
  EmailSchema,
  IdSchema,
  InstantSchema,
  LocaleSchema,
  OneOf,
} from '@tenantry/contract/schemas.ts';
import { Type } from 'typebox';

export const UserStatusSchema = OneOf(['invited', 'unverified', 'active', 'locked', 'disabled', 'erased']);

export const RoleNameSchema = OneOf(['owner', 'admin', 'billing', 'member', 'operator']);

export const UserView = Closed({
  id: IdSchema('usr'),
  tenantId: IdSchema('ten'),
  email: Type.String(),
  name: Type.String(),
  locale: LocaleSchema,
  status: UserStatusSchema,
  roles: Type.Array(RoleNameSchema),
  createdAt: InstantSchema,
});

/** NIST SP 800-63B-4 and OWASP ASVS 6.2: long enough, no composition rules, nothing trimmed or cut. */
export const PasswordSchema = Type.String({ minLength: 8, maxLength: 256 });

export const NewUserFields = { email: EmailSchema, password: PasswordSchema, name: DisplayNameSchema };
