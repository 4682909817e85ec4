import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { request } from './api.ts';
import { createMainJob, newBotToken } from './main-job.ts';

/** `npm run demo`: performs the main job against a running `npm start` and says what happens. */

const offset = Number(process.env.TENANTRY_PORT_OFFSET ?? '0');
const url = (port: number): string => `http://127.0.0.1:${port + offset}`;
const dataDir = process.env.TENANTRY_DATA_DIR ?? '.tenantry';

function readOperatorPassword(): string {
  if (process.env.TENANTRY_OPERATOR_PASSWORD !== undefined) return process.env.TENANTRY_OPERATOR_PASSWORD;
  try {
    return readFileSync(join(dataDir, 'operator-password'), 'utf8').trim();
  } catch {
    console.error(`There is no operator password in ${dataDir}. Run npm start first, in another terminal.`);
    process.exit(1);
  }
}

async function run(): Promise<void> {
  const job = createMainJob({ gateway: url(8000), midtrans: url(9001), telegram: url(9002), mailbox: url(9003) });
  const slug = `demo-${Date.now().toString(36)}`;
  const email = 'budi@example.com';
  const chatId = 1_000_000 + Math.floor(Math.random() * 1_000_000);
  let step = 0;
  const say = (text: string): void => console.log(`${String(++step).padStart(2)}. ${text}`);

  const operator = await job.loginOperator(readOperatorPassword());
  say('The operator signs in.');
  const tenant = await job.createTenant(operator.token, slug);
  say(`A tenant is created: ${tenant.slug} (${tenant.id}); its admin signs in at once.`);
  const token = await job.register(tenant, email);
  say(`${email} signs up; the verification mail arrives.`);
  const customer = await job.verify(tenant, email, token);
  say('The address is verified and the user signs in.');
  const bot = await job.registerBot(tenant, newBotToken());
  say(`The admin registers the Telegram bot @${bot.username}: ${bot.status}.`);
  await job.linkTelegram(customer, chatId);
  say(`The user opens the deep link; chat ${chatId} is linked.`);
  const planId = await job.findPlan(customer.token, 'pro');
  say(`The user looks at the plans and picks Pro (${planId}).`);
  const order = await job.subscribe(customer, planId);
  say(
    `Subscribed: ${order.subscriptionId} is incomplete; Rp ${order.amount.amount} to BCA virtual account ${order.vaNumber}.`,
  );
  await job.pay(order);
  say('The transfer is made at Midtrans; its signed webhook arrives.');
  const { invoice, pdf } = await job.awaitOutcome(customer, order);
  const pdfFile = join(dataDir, `${invoice.number}.pdf`);
  writeFileSync(pdfFile, pdf);
  say(
    `Payment settled, subscription active, invoice ${invoice.number} paid: ${invoice.subtotal.amount} + tax ${invoice.tax.amount} = ${invoice.total.amount} IDR (${pdfFile}).`,
  );
  const receipt = await job.awaitReceipt(chatId, invoice.number);
  say(`The receipt reaches Telegram:\n${receipt.replaceAll(/^/gm, '      | ')}`);
  const used = await job.consume(customer, 1);
  const refused = await request(`${url(8000)}/v1/entitlements/api-calls/consume`, 'POST', {
    token: customer.token,
    body: { amount: used.remaining + 1 },
  });
  say(
    `One of ${used.limit} API calls is used; asking for ${used.remaining + 1} more answers ${refused.status} ${String(refused.body.code)}.`,
  );

  const other = await job.createTenant(operator.token, `${slug}-2`);
  const foreign = await request(`${url(8000)}/v1/invoices/${order.invoiceId}`, 'GET', { token: other.adminToken });
  say(`Another tenant's admin asks for that invoice and gets ${foreign.status} ${String(foreign.body.code)}.`);
}

run().catch((error: unknown) => {
  const isDown = error instanceof TypeError && error.message === 'fetch failed';
  console.error(
    isDown
      ? 'Nothing answers on the gateway’s port. Run npm start first, in another terminal.'
      : error instanceof Error
        ? error.message
        : error,
  );
  process.exitCode = 1;
});
