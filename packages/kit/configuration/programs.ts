/** Who can have a section in the configuration file. */
export const PROGRAMS = [
  'gateway',
  'hub',
  'users',
  'subscriptions',
  'payments',
  'notifications',
  'billing',
  'launcher',
] as const;

export type ProgramName = (typeof PROGRAMS)[number];
