import { Problem } from '@tenantry/kernel/problem.ts';
import { isKeyRefused } from './is-key-refused.ts';

/**
 * The provider could not be asked, or not understood: whatever was tried may have happened there. A refused key counts
 * as well: it says nothing about the attempts before it (where there were none, the attempt itself has taken note).
 */
export const isOutcomeUnknown = (error: unknown): error is Problem =>
  error instanceof Problem &&
  (error.kind.category === 'unavailable' || error.kind.category === 'timeout' || isKeyRefused(error));
