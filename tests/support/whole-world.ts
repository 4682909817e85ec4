import { createMainJob, type MainJob } from '@tenantry/deploy/demo/main-job.ts';
import { OPERATOR_PASSWORD, openWorld, type World } from './world.ts';

/** Every service, every simulator and the gateway, with a client that knows the main job. */
export async function openWholeWorld(
  environment: Readonly<Record<string, string>> = {},
  isSingle = false,
): Promise<{ world: World; job: MainJob; operatorToken: string }> {
  const world = await openWorld({
    services: ['gateway', 'users', 'payments', 'billing', 'subscriptions', 'notifications'],
    simulators: ['midtrans', 'telegram', 'mailbox'],
    environment,
    isSingle,
  });
  const job = createMainJob({
    gateway: world.gatewayUrl,
    midtrans: world.midtransUrl,
    telegram: world.telegramUrl,
    mailbox: world.mailboxUrl,
  });
  await waitUntilReady(world.gatewayUrl);
  const { token } = await job.loginOperator(OPERATOR_PASSWORD);
  return { world, job, operatorToken: token };
}

async function waitUntilReady(gatewayUrl: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const answer = await fetch(`${gatewayUrl}/health/ready`).catch(() => null);
    if (answer?.status === 200) return;
    if (Date.now() > deadline) throw new Error('The gateway did not become ready.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
