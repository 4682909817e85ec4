/** RFC 5321 §4.2.1: a code from 500 on says that the same mail will never be taken. */
export const isRefusedForGood = (error: unknown): boolean =>
  error instanceof Error && 'responseCode' in error && Number(error.responseCode) >= 500;
