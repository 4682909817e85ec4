import { Problem } from '@tenantry/kernel/problem.ts';

/** The provider could not be asked, or not understood: whatever was tried may have happened there. */
export const isOutcomeUnknown = (error: unknown): error is Problem =>
  error instanceof Problem && (error.kind.category === 'unavailable' || error.kind.category === 'timeout');
