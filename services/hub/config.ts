import { CommonConfiguration, defineConfiguration, StoreConfiguration } from '@tenantry/kit/configuration.ts';
import { type Static, Type } from 'typebox';

// The hub is where the others register; it has nowhere to register itself.
const HubSchema = Type.Omit(
  Type.Object({ ...CommonConfiguration, CLICKHOUSE_URL: StoreConfiguration.CLICKHOUSE_URL }),
  ['HUB_URL', 'HUB_ROOT_FINGERPRINT'],
);

const MeshSettings = {
  HUB_TLS_PORT: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 65_535,
      description:
        'Port for processes of other machines that have no certificate yet, with TLS (their HUB_URL and HUB_ROOT_FINGERPRINT); 0 takes a free one, left out there is none',
    }),
  ),
  MESH_CERTIFICATE_SECONDS: Type.Integer({
    default: 3_600,
    minimum: 2,
    maximum: 3_600,
    description: 'Life of the certificates with which processes of the house prove who they are',
  }),
  MESH_ROOT_HOURS: Type.Number({
    default: 720,
    exclusiveMinimum: 0,
    maximum: 8_760,
    description: 'How long one root vouches before the next does',
  }),
};

const Schema = Type.Object({ ...HubSchema.properties, ...MeshSettings });

export type HubConfiguration = Static<typeof Schema>;

export const hubConfiguration = defineConfiguration('hub', Schema);

export const readHubConfiguration = hubConfiguration.read;
