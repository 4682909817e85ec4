import { CommonConfiguration, defineConfiguration, StoreConfiguration } from '@tenantry/kit/configuration.ts';
import { type Static, Type } from 'typebox';

// The hub is where the others register; it has nowhere to register itself.
const HubSchema = Type.Omit(
  Type.Object({ ...CommonConfiguration, CLICKHOUSE_URL: StoreConfiguration.CLICKHOUSE_URL }),
  ['HUB_URL'],
);

export type HubConfiguration = Static<typeof HubSchema>;

export const hubConfiguration = defineConfiguration('hub', Type.Object(HubSchema.properties));

export const readHubConfiguration = hubConfiguration.read;
