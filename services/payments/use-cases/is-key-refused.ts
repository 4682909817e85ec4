import { Problem } from '@tenantry/kernel/problem.ts';
import { paymentNotConfigured } from '../problems.ts';

/** The provider does not take the tenant's key, or there is none: this attempt has done nothing. */
export const isKeyRefused = (error: unknown): error is Problem =>
  error instanceof Problem && error.kind.code === paymentNotConfigured.kind.code;
