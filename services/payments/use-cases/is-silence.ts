import { Problem } from '@tenantry/kernel/problem.ts';
import { ToldNothing } from '../provider/told-nothing.ts';
import { isKeyRefused } from './is-key-refused.ts';

/**
 * The provider is there and tells nothing about the payment: it does not know it, or us, or speaks of it in a way that
 * we do not understand. A provider that is away is not silent: it may tell everything when it is back.
 */
export const isSilence = (error: unknown): boolean =>
  isKeyRefused(error) || (error instanceof Problem && error.cause instanceof ToldNothing);
