import { processIdentity } from './process-identity.ts';
import { waitUntil } from './wait-until.ts';

/** Stops a process that is not our child: signal, wait, and SIGKILL when the deadline has passed. */
export async function stopProcess(pid: number, signal: NodeJS.Signals, deadlineMs = 8_000): Promise<void> {
  const identity = processIdentity(pid);
  if (identity === undefined) return;
  const isGone = (): boolean => processIdentity(pid) !== identity;
  send(pid, signal);
  if (await waitUntil(isGone, { timeoutMs: deadlineMs, everyMs: 20 })) return;
  send(pid, 'SIGKILL');
  await waitUntil(isGone, { timeoutMs: 2_000, everyMs: 20 });
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (cause) {
    const gone = cause instanceof Error && 'code' in cause && cause.code === 'ESRCH';
    if (!gone) throw cause;
  }
}
