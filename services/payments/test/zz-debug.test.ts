import { appendFileSync } from 'node:fs';
import { CloseStack } from '@tenantry/kit/lifecycle/close-stack.ts';

const push = CloseStack.prototype.push;
let n = 0;
const log = (text: string) => appendFileSync('/tmp/pay-close.log', `${new Date().toISOString()} ${text}\n`);
CloseStack.prototype.push = function (step) {
  const id = n++;
  push.call(this, async () => {
    log(`close ${id} ${step.toString().slice(0, 60).replaceAll('\n', ' ')}`);
    await step();
    log(`closed ${id}`);
  });
};
await import('./providers.test.ts');
