import { appendFileSync } from 'node:fs';
import { CloseStack } from '@tenantry/kit/lifecycle/close-stack.ts';

const push = CloseStack.prototype.push;
let n = 0;
const log = (text: string) => appendFileSync('/tmp/pay-close.log', `${new Date().toISOString()} ${text}\n`);
CloseStack.prototype.push = function (step) {
  const id = n++;
  push.call(this, async () => {
    log(`close ${id} ${step.toString().slice(0, 60).replaceAll('\n', ' ')}`);
    const timer = setTimeout(() => {
      for (const h of (process as any)._getActiveHandles()) {
        if (h.constructor.name === 'Socket')
          log(`socket ${h.localPort}->${h.remotePort} server=${h.server?.constructor?.name} read=${h.bytesRead} written=${h.bytesWritten} paused=${h.isPaused?.()} destroyed=${h.destroyed} msg=${h._httpMessage?.constructor?.name} ${h._httpMessage?.req?.method} ${h._httpMessage?.req?.url} ${h._httpMessage?.writableEnded} parser=${!!h.parser} incoming=${h.parser?.incoming?.url}`);
      }
    }, 15000);
    await step();
    clearTimeout(timer);
    log(`closed ${id}`);
  });
};
await import('./providers.test.ts');
