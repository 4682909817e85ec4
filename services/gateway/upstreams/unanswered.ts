import type { Problem } from '@tenantry/kernel/problem.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { upstreamAnswerIncomplete, upstreamAnswerInvalid, upstreamUntrusted } from '../problems.ts';
import type { Cluster } from './cluster.ts';
import { answerFaultOf } from './failure.ts';
import type { Instance } from './instance.ts';

type Whose = Pick<Cluster, 'label' | 'isOurs'>;

/**
 * What is said when none of them could answer. Where each was refused for what it showed, waiting helps nobody: somebody
 * has to put a certificate right. Which one, and how it is wrong, is for those who registered the upstream.
 * @param cause of the last attempt
 * @param wasSent whether any of the request may have been heard
 */
export function unanswered(
  cluster: Whose,
  asked: readonly Instance[],
  { cause, wasSent = false }: { readonly cause?: unknown; readonly wasSent?: boolean } = {},
): Problem {
  const { label } = cluster;
  const isUntrusted =
    asked.length > 0 && asked.every(({ refusal }) => (refusal?.kind ?? 'unreachable') !== 'unreachable');
  if (isUntrusted)
    return upstreamUntrusted(`${label} could not prove who it is, so nothing was sent to it. Tell those who run it.`, {
      cause,
    });
  return (
    (wasSent ? badAnswer(cluster, cause) : null) ??
    upstreamUnavailable(`${label} is unavailable right now. Try again shortly.`, { cause, retryAfterSeconds: 1 })
  );
}

/** RFC 9110 §15.6.3: what an answer is told as that was none; null where it was something else that went wrong. */
export function badAnswer({ label, isOurs }: Whose, cause: unknown): Problem | null {
  switch (answerFaultOf(cause)) {
    case 'not-http':
      return upstreamAnswerInvalid(`${label} answered with what is no valid HTTP. Tell those who run it.`, { cause });
    case 'head-too-large':
      return upstreamAnswerInvalid(`${label} answered with more than 16 KiB of headers. Tell those who run it.`, {
        cause,
      });
    case 'broken-off':
      // A service of ours breaks off when it dies, and its successor comes in a moment: it is unavailable.
      if (isOurs) return null;
      return upstreamAnswerIncomplete(
        `${label} broke the connection off before it had answered. It may have done what was asked: look before you ask again.`,
        { cause },
      );
    case null:
      return null;
  }
}
