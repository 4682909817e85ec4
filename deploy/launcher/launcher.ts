import { join } from 'node:path';
import type { Child } from '../embedded/child.ts';
import { StartFailure } from '../embedded/start-failure.ts';
import { checkPorts } from './check-ports.ts';
import { ChildGroup, Stopping } from './child-group.ts';
import { ChildRecord } from './child-record.ts';
import { checkDiskSpace } from './disk-space.ts';
import { type FolderLock, lockFolder } from './folder-lock.ts';
import { keptMasterKey, keptSecret } from './kept-secret.ts';
import { preparePrivateFolder } from './private-folder.ts';
import type { Program, Programs, ProgramsInput } from './programs.ts';
import type { Report } from './report.ts';
import { masterKeyFile, type Settings } from './settings.ts';
import { logFileOf, startProgram } from './start-program.ts';
import { type StoreUrls, startStores } from './stores.ts';
import { Supervised } from './supervisor.ts';
import { waitForGateway } from './wait-for-gateway.ts';
import { welcome } from './welcome.ts';

export type LauncherOptions = {
  readonly settings: Settings;
  readonly report: Report;
  readonly listPrograms: (input: ProgramsInput) => Programs;
  readonly migrate: (options: { readonly adminUrl: string; readonly masterKey: string }) => Promise<unknown>;
};

// Together below 15 s: PostgreSQL gets what it needs to write its last checkpoint.
const STOP_SERVICES_BY_MS = 9_000;
const STOP_SIMULATORS_BY_MS = 10_000;
const STOP_STORES_BY_MS = 14_000;

/** Everything that `npm start` starts, from the data folder to the gateway, and its end in the opposite order. */
export class Launcher {
  readonly #options: LauncherOptions;
  readonly #record: ChildRecord;
  readonly #stores = new ChildGroup();
  readonly #simulators = new ChildGroup();
  readonly #services = new ChildGroup();
  readonly #stopping = new AbortController();
  #lock: FolderLock | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: LauncherOptions) {
    this.#options = options;
    this.#record = new ChildRecord(join(options.settings.dataDir, 'children.json'));
  }

  /** Resolves when the gateway says that everything is ready; rejects with `Stopping` when `stop` came first. */
  async start(): Promise<void> {
    try {
      await this.#startInOrder();
    } catch (cause) {
      // What we stop ourselves in the middle of its start also fails to start.
      this.#continueOrThrow();
      throw cause;
    }
  }

  async #startInOrder(): Promise<void> {
    const { settings, report, listPrograms } = this.#options;
    await this.#prepareFolder();
    await checkPorts(settings.ports);
    const masterKey = settings.masterKey ?? keptMasterKey(masterKeyFile(settings.dataDir));
    const operatorPassword =
      settings.operatorPassword ?? keptSecret(join(settings.dataDir, 'operator-password'), 18, 'base64url');
    const stores = await this.#startStores(masterKey);
    await this.#migrate(stores, masterKey);
    const programs = listPrograms({ settings, stores, masterKey, operatorPassword });
    await this.#startPrograms(programs.simulators, this.#simulators);
    await this.#startPrograms(programs.services, this.#services);
    await waitForGateway({ settings, services: programs.services, report, signal: this.#stopping.signal });
    this.#continueOrThrow();
    report.table();
    report.lines(...welcome(settings, operatorPassword));
  }

  /** Services, then simulators, then stores; what does not end in time is killed. Asked twice, it is one stop. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopInOrder();
    return this.#stopped;
  }

  async #stopInOrder(): Promise<void> {
    const { report } = this.#options;
    this.#stopping.abort();
    const startedMs = performance.now();
    const took = report.stopwatch();
    const left = (byMs: number): number => Math.max(byMs - (performance.now() - startedMs), 100);
    if (this.#services.size > 0) report.say('Stopping the services.');
    await this.#services.stop(left(STOP_SERVICES_BY_MS));
    if (this.#simulators.size > 0) report.say('Stopping the simulators.');
    await this.#simulators.stop(left(STOP_SIMULATORS_BY_MS));
    if (this.#stores.size > 0) report.say('Stopping the stores.');
    await this.#stores.stop(left(STOP_STORES_BY_MS));
    this.#lock?.release();
    if (this.#stores.size > 0) report.say(`Everything has stopped${took()}.`);
  }

  async #prepareFolder(): Promise<void> {
    const { settings, report } = this.#options;
    preparePrivateFolder(settings.dataDir);
    checkDiskSpace(settings.dataDir);
    this.#lock = lockFolder(settings.dataDir);
    const leftovers = await this.#record.stopLeftovers();
    if (leftovers.length > 0) report.say(`Stopped what an earlier run had left: ${leftovers.join(', ')}.`);
    report.say(`Data folder ${settings.dataDir}.`);
    this.#continueOrThrow();
  }

  #startStores(masterKey: string): Promise<StoreUrls> {
    const { settings, report } = this.#options;
    return startStores({ settings, masterKey, report, record: this.#record, group: this.#stores });
  }

  async #migrate(stores: StoreUrls, masterKey: string): Promise<void> {
    this.#continueOrThrow();
    const { report, migrate } = this.#options;
    const took = report.stopwatch();
    try {
      await migrate({ adminUrl: stores.postgresAdmin, masterKey });
      // A tenant whose database is left behind would meet services that are ahead of it.
      for (const { url } of stores.tenantDatabases) await migrate({ adminUrl: url, masterKey });
    } catch (cause) {
      this.#continueOrThrow();
      throw new StartFailure(
        `The database could not be migrated: ${cause instanceof Error ? cause.message : cause}`,
        [],
        { cause },
      );
    }
    report.say(`The database is migrated${took()}.`);
  }

  async #startPrograms(programs: readonly Program[], group: ChildGroup): Promise<void> {
    this.#continueOrThrow();
    const starts = programs.map((program) => this.#startOne(program, group));
    await Promise.allSettled(starts);
    this.#continueOrThrow();
    await Promise.all(starts);
  }

  async #startOne(program: Program, group: ChildGroup): Promise<void> {
    const { settings, report } = this.#options;
    const logFile = logFileOf(settings.dataDir, program.name);
    const supervised = new Supervised({
      name: program.name,
      logFile,
      say: report.say,
      start: (onSpawn) => {
        const noted = (child: Child): void => {
          this.#record.add(program.name, child);
          onSpawn(child);
        };
        return startProgram({ program, logFile, onSpawn: noted });
      },
    });
    group.add(supervised);
    const took = report.stopwatch();
    await supervised.start();
    report.say(`${program.name} answers on port ${program.port}${took()}.`);
    for (const { what, port, url } of [
      { what: program.what ?? program.name, port: program.port, url: program.url },
      ...program.alsoListens,
    ]) {
      report.row({ what, port, url, pid: () => supervised.pid });
    }
  }

  #continueOrThrow(): void {
    if (this.#stopping.signal.aborted) throw new Stopping();
  }
}
