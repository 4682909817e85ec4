import { registrationChanged } from '@tenantry/contract/registration-changed.ts';
import { on, type Subscription } from '@tenantry/events/subscription.ts';
import type { UsersTables } from '../store/tables.ts';
import { collectRegistrationChange } from '../use-cases/collect-registration-change.ts';

export const registrationConsumers = (): readonly Subscription<UsersTables>[] => [
  on(registrationChanged, collectRegistrationChange),
];
