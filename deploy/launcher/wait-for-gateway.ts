import { lastLogLines } from '../embedded/log-file.ts';
import { StartFailure } from '../embedded/start-failure.ts';
import { waitUntil } from '../embedded/wait-until.ts';
import type { Program } from './programs.ts';
import type { Report } from './report.ts';
import type { Settings } from './settings.ts';
import { httpStatus, logFileOf } from './start-program.ts';

const PATIENCE_MS = 120_000;

type Waiting = {
  readonly settings: Settings;
  readonly services: readonly Program[];
  readonly report: Report;
  readonly signal: AbortSignal;
};

/** The gateway knows when every service, the seed and the simulators are ready; after a while, say who is not. */
export async function waitForGateway({ settings, services, report, signal }: Waiting): Promise<void> {
  const took = report.stopwatch();
  const isReady = async (): Promise<boolean> => (await httpStatus(readyUrl(settings.ports.gateway))) === 200;
  if (await waitUntil(isReady, { timeoutMs: PATIENCE_MS, everyMs: 100, signal })) {
    report.say(`The gateway says that everything is ready${took()}.`);
    return;
  }
  if (signal.aborted) return;
  const doors = services.flatMap(({ name, what = name, port, alsoListens }) =>
    [{ what, port }, ...alsoListens].map((door) => ({ ...door, program: name })),
  );
  const statuses = await Promise.all(
    doors.map(async (door) => ({ door, status: await httpStatus(readyUrl(door.port)) })),
  );
  const late = statuses.filter(({ status }) => status !== 200).map(({ door }) => door);
  const first = late[0]?.program ?? services.at(-1)?.name ?? 'gateway';
  throw new StartFailure(
    `Not ready after ${PATIENCE_MS / 1000} s: ${late.map(({ what }) => what).join(', ') || 'the gateway'}. The logs are in ${logFileOf(settings.dataDir, first)} and beside it.`,
    lastLogLines(logFileOf(settings.dataDir, first)),
  );
}

function readyUrl(port: number): string {
  return `http://127.0.0.1:${port}/health/ready`;
}
