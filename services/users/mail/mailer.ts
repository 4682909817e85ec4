import { inChildSpan } from '@tenantry/kernel/tracing/child-span.ts';
import type { BreakerTransition } from '@tenantry/resilience/circuit-breaker.ts';
import type { DependencyMonitor } from '@tenantry/resilience/dependency-monitor.ts';
import { createPolicy } from '@tenantry/resilience/policy.ts';
import { createTransport } from 'nodemailer';
import { MailNotTaken } from './mail-not-taken.ts';
import { isRefusedForGood } from './refused-for-good.ts';

export type Mail = { readonly to: string; readonly subject: string; readonly text: string };

export type Mailer = {
  readonly send: (mail: Mail) => Promise<void>;
  /** Resolves when the server would take a mail: as far as it can be asked without sending one. */
  readonly greet: () => Promise<void>;
  readonly close: () => void;
};

/** Longer than the three steps below together, each of which gives up by itself. */
const TIMEOUT_MS = 20_000;

export function createMailer(options: {
  readonly url: string;
  readonly from: string;
  readonly monitor?: DependencyMonitor;
  readonly onTransition?: (transition: BreakerTransition) => void;
}): Mailer {
  const { url, from, monitor } = options;
  const transport = createTransport({
    url,
    connectionTimeout: 3_000,
    greetingTimeout: 3_000,
    socketTimeout: 10_000,
    tls: { rejectUnauthorized: true },
  });
  // Never sent again here: a mail may have gone out although the answer did not come. Its row is what tries again.
  const policy = createPolicy({
    name: 'Mail',
    timeoutMs: TIMEOUT_MS,
    // A refusal of one address is an answer of a server that works.
    breaker: { isFailure: (error) => !isRefusedForGood(error) },
    bulkhead: { maxConcurrent: 16, maxQueued: 256 },
    ...(monitor === undefined ? {} : { monitor }),
  });
  if (options.onTransition !== undefined) policy.breaker.onTransition(options.onTransition);
  return {
    // An address object, not a header text: a name with a line break or a comma cannot add recipients.
    send: ({ to, subject, text }) =>
      inChildSpan(
        { name: 'smtp send', kind: 'client', attributes: { 'service.peer.name': 'mail' } },
        () =>
          policy.execute(async () => {
            try {
              await transport.sendMail({ from, to: { name: '', address: to }, subject, text });
            } catch (error) {
              throw new MailNotTaken(error);
            }
          }),
        isRefusedForGood,
      ),
    async greet() {
      await transport.verify();
    },
    close: () => transport.close(),
  };
}
