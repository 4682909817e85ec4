import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export type SimulatorProcess = {
  readonly child: ChildProcess;
  readonly url: string;
  readonly exited: Promise<unknown[]>;
};

/** A simulator as the launcher starts it, on a free port; killed when the test ends. */
export async function startProcess(name: string, environment: Record<string, string> = {}): Promise<SimulatorProcess> {
  const env: NodeJS.ProcessEnv = { ...process.env, PORT: '0', SMTP_PORT: '0', ...environment };
  if (environment['TENANTRY_DATA_DIR'] === undefined) delete env['TENANTRY_DATA_DIR'];
  const entry = join(import.meta.dirname, '..', '..', name, 'start.ts');
  const child = fork(entry, { env, stdio: ['ignore', 'pipe', 'inherit', 'ipc'], execArgv: [] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  let output = '';
  for await (const chunk of child.stdout ?? []) {
    output += String(chunk);
    const url = /http:\/\/[\d.]+:\d+(?=\D)/.exec(output)?.[0];
    if (url !== undefined) return { child, url, exited };
  }
  throw new Error(`${name} did not start: ${output}`);
}
