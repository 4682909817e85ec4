import type { Problem } from '@tenantry/kernel/problem.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { upstreamUntrusted } from '../problems.ts';
import type { Cluster } from './cluster.ts';
import type { Instance } from './instance.ts';

/**
 * What is said when none of them could answer. Where each was refused for what it showed, waiting helps nobody: somebody
 * has to put a certificate right. Which one, and how it is wrong, is for those who registered the upstream.
 */
export function unanswered({ label }: Pick<Cluster, 'label'>, asked: readonly Instance[], cause?: unknown): Problem {
  const isUntrusted =
    asked.length > 0 && asked.every(({ refusal }) => (refusal?.kind ?? 'unreachable') !== 'unreachable');
  if (isUntrusted)
    return upstreamUntrusted(`${label} could not prove who it is, so nothing was sent to it. Tell those who run it.`, {
      cause,
    });
  return upstreamUnavailable(`${label} is unavailable right now. Try again shortly.`, {
    cause,
    retryAfterSeconds: 1,
  });
}
