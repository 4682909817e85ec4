import { describe, expect, it } from 'vitest';
import { startProcess } from './start-process.ts';

describe.each(['midtrans', 'telegram', 'mailbox'])('The process of %s', (name) => {
  it.each(['SIGTERM', 'SIGINT'] as const)('becomes ready, and ends on %s', async (signal) => {
    const { child, url, exited } = await startProcess(name);
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    child.kill(signal);
    expect(await exited).toEqual([0, null]);
  });

  it('ends when the channel to its parent closes', async () => {
    const { child, exited } = await startProcess(name);
    child.disconnect();
    expect(await exited).toEqual([0, null]);
  });
});
