import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Addresses } from '@tenantry/deploy/demo/main-job.ts';
import { claimPorts } from '@tenantry/deploy/launcher/test/claim-ports.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const START_LIMIT_MS = 120_000;

export const SYSTEM_OPERATOR_PASSWORD = 'operator of a launched system';

/** The real launcher with a data folder and ports of its own: for tests that kill processes. */
export type LaunchedSystem = {
  readonly addresses: Addresses;
  /** What every port of deploy/launcher/ports.ts is moved by. */
  readonly portOffset: number;
  readonly dataDir: string;
  readonly output: () => string;
  /** Of a child, by its name in the launcher's table: `billing`, `redis`, … */
  readonly pidOf: (name: string) => number;
  /** kill -9, and nothing else: getting up again is the system's business. */
  readonly kill: (name: string) => Promise<void>;
  /** Resolves when every service is ready and the gateway sees it: what was killed is up again. */
  readonly wholeAgain: (token: string) => Promise<void>;
  /** Ctrl-C; resolves with the exit code. */
  readonly stop: () => Promise<number | null>;
  /** The same data again. */
  readonly start: () => Promise<void>;
  readonly destroy: () => Promise<void>;
};

export async function launchSystem(
  environment: Readonly<Record<string, string>> = {},
  flags: readonly '--single'[] = [],
): Promise<LaunchedSystem> {
  const { offset: portOffset, release: releasePorts } = await claimPorts();
  const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-system-'));
  const at = (port: number): string => `http://127.0.0.1:${port + portOffset}`;
  let child: ChildProcess | undefined;
  let output = '';

  const start = async (): Promise<void> => {
    const launched = spawn(process.execPath, [join(ROOT, 'deploy/launcher/start.ts'), ...flags], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        TENANTRY_DATA_DIR: dataDir,
        TENANTRY_SERVERS_DIR: process.env.TENANTRY_SERVERS_DIR ?? join(ROOT, '.tenantry/servers'),
        TENANTRY_PORT_OFFSET: String(portOffset),
        TENANTRY_OPERATOR_PASSWORD: SYSTEM_OPERATOR_PASSWORD,
        PUBLIC_URL: at(8000),
        ...environment,
      },
    });
    child = launched;
    for (const stream of [launched.stdout, launched.stderr])
      stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const deadline = Date.now() + START_LIMIT_MS;
    for (;;) {
      const answer = await fetch(`${at(8000)}/health/ready`).catch(() => null);
      if (answer?.status === 200) return;
      if (launched.exitCode !== null || launched.signalCode !== null || Date.now() > deadline)
        throw new Error(`The system did not start:\n${output}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const stop = (): Promise<number | null> =>
    new Promise((resolve) => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null)
        return resolve(child?.exitCode ?? null);
      child.once('exit', (code) => resolve(code));
      child.kill('SIGINT');
    });
  const pidOf = (name: string): number => {
    const entries = JSON.parse(readFileSync(join(dataDir, 'children.json'), 'utf8')) as {
      name: string;
      identity: string;
    }[];
    const entry = entries.find((candidate) => candidate.name === name);
    if (entry === undefined)
      throw new Error(`No child is called ${name}; there are ${entries.map((one) => one.name).join(', ')}.`);
    return Number.parseInt(entry.identity, 10);
  };

  const destroy = async (): Promise<void> => {
    await stop();
    await releasePorts();
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await destroy();
    throw error;
  }
  return {
    portOffset,
    addresses: { gateway: at(8000), midtrans: at(9001), telegram: at(9002), mailbox: at(9003) },
    dataDir,
    output: () => output,
    pidOf,
    async kill(name) {
      // It may be on its way up again from the last time.
      const deadline = Date.now() + 30_000;
      for (;;) {
        try {
          process.kill(pidOf(name), 'SIGKILL');
          return;
        } catch (error) {
          if (Date.now() > deadline) throw error;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    },
    async wholeAgain(token) {
      const notReady = async (): Promise<string[]> => {
        const seen = await Promise.all(
          [8000, 8010, 8021, 8022, 8023, 8024, 8025].map(async (port) => {
            const status = await fetch(`${at(port)}/health/ready`).then(
              (answer) => answer.status,
              () => 'no answer',
            );
            return status === 200 ? [] : [`:${port} ${status}`];
          }),
        );
        return seen.flat();
      };
      const asSeenByTheGateway = (): Promise<string> =>
        fetch(`${at(8000)}/v1/health`, { headers: { authorization: `Bearer ${token}` } }).then(
          (answer) => answer.text(),
          String,
        );
      const deadline = Date.now() + 60_000;
      let missing = '';
      while (Date.now() < deadline) {
        const [parts, seen] = await Promise.all([notReady(), asSeenByTheGateway()]);
        if (parts.length === 0 && seen.startsWith('{"status":"up"')) return;
        missing = `${parts.join(', ')}; the gateway sees ${seen}`;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      throw new Error(`The system did not become whole again: ${missing}\n${output.slice(-2_000)}`);
    },
    stop,
    start,
    destroy,
  };
}
