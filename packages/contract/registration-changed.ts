import { Type } from 'typebox';
import { event } from './event.ts';
import { Closed, InstantSchema } from './schemas.ts';

export const registrationChanged = event(
  'gateway.registration.changed.v1',
  Closed({
    /** `upstream:register`, `route:change`, `upstream:remove`. */
    action: Type.String({ pattern: '^[a-z]+:(register|change|remove)$' }),
    principal: Type.String(),
    onBehalfOf: Type.Union([Type.String(), Type.Null()]),
    /** Of the registration, after this change. */
    version: Type.Integer({ minimum: 1 }),
    changedAt: InstantSchema,
    /** Names of what a change has changed; never values. */
    fields: Type.Array(Type.String()),
  }),
  {
    summary:
      'Somebody has changed what is registered at the gateway: told for the audit, every change at least once, and all of one registration in their order.',
  },
);
