import type { CallTargets } from '@tenantry/mesh/call-target.ts';
import type { Discovery } from '@tenantry/mesh/discovery.ts';
import type { MeshIdentity } from '@tenantry/mesh/identity.ts';
import { dialOverTls } from '@tenantry/mesh/links/dial-link.ts';
import type { LinkCounts } from '@tenantry/mesh/links/link-counts.ts';
import { openLinks } from '@tenantry/mesh/links/links.ts';
import type { Logger } from '../logger.ts';

/** The links of this process to all instances that it calls; null where the mesh is off. */
export const openMeshLinks = (
  identity: MeshIdentity | null,
  discovery: Discovery,
  counts: LinkCounts,
  logger: Logger,
): CallTargets | null =>
  identity === null
    ? null
    : openLinks({
        discovery,
        dial: dialOverTls(identity),
        counts,
        onFailure: ({ service, instanceId }, error) =>
          logger.info({ err: error, service, instanceId }, 'no link for now: calls go over HTTP'),
      });
