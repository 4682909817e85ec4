import type { ResponseOf } from '@tenantry/contract/endpoint.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import type { readUpstreamHealth } from '../contract/upstreams.ts';
import type { Instance } from '../upstreams/instance.ts';
import type { ProductCluster } from './product-clusters.ts';
import type { UpstreamRecord } from './records.ts';

export type UpstreamHealth = ResponseOf<typeof readUpstreamHealth>;
type TargetHealth = UpstreamHealth['data'][number];

/** How each target does. What nobody has asked for has no connections, and nothing is known of it. */
export const upstreamHealth = (
  { targets }: Pick<UpstreamRecord, 'targets'>,
  cluster: Pick<ProductCluster, 'targetAt'> | undefined,
): UpstreamHealth => ({
  data: targets.map(({ url }) => ({ url, ...healthOf(cluster?.targetAt(url)) })),
  nextCursor: null,
});

function healthOf(instance: Instance | undefined): Omit<TargetHealth, 'url'> {
  const plainly = (state: TargetHealth['state']) => ({ state, reason: null, since: null });
  if (instance === undefined) return plainly('unknown');
  const { refusal } = instance;
  if (refusal !== null) {
    const since = formatInstant(Temporal.Instant.fromEpochMilliseconds(refusal.sinceEpochMs));
    if (refusal.kind === 'unreachable') return { state: 'unreachable', reason: null, since };
    return { state: 'untrusted', reason: refusal.kind, since };
  }
  if (instance.isUnwell) return plainly('unhealthy');
  if (instance.isBroken) return plainly('failing');
  return plainly(instance.hasAnswered ? 'healthy' : 'unknown');
}
