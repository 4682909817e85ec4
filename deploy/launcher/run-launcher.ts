import { ConfigurationError } from '@tenantry/kit/configuration.ts';
import { StartFailure } from '../embedded/start-failure.ts';
import { Stopping } from './child-group.ts';
import { Launcher, type LauncherOptions } from './launcher.ts';
import { printConfigurations } from './print-configuration.ts';
import { Report } from './report.ts';
import { takeSettings } from './settings.ts';

/** A launcher as a process: from the environment to the exit code. Asked with `--print-config`, it only says what it would do. */
export async function runLauncher(options: Pick<LauncherOptions, 'listPrograms' | 'migrate'>): Promise<void> {
  // The terminal may go away first; that must not end us before we have stopped everything.
  process.stdout.on('error', () => undefined);
  const report = new Report((line) => process.stdout.write(`${line}\n`));
  try {
    if (process.argv.includes('--print-config')) {
      const printed = await printConfigurations(options.listPrograms, process.env);
      process.stdout.write(printed.output);
      process.stderr.write(printed.problems);
      process.exitCode = printed.isValid ? 0 : 1;
      return;
    }
    const launcher = new Launcher({ ...options, settings: takeSettings(process.env), report });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, async () => {
        await launcher.stop();
        process.exit(0);
      });
    }
    await launcher.start().catch(async (cause: unknown) => {
      if (cause instanceof Stopping) return;
      for (const line of describeFailure(cause)) process.stderr.write(`${line}\n`);
      await launcher.stop();
      process.exit(1);
    });
  } catch (cause) {
    for (const line of describeFailure(cause)) process.stderr.write(`${line}\n`);
    process.exit(1);
  }
}

/** A sentence, and the last lines of the log that explain it; a stack only for what we did not foresee. */
function describeFailure(cause: unknown): string[] {
  if (cause instanceof ConfigurationError) return ['', cause.message, ''];
  if (cause instanceof StartFailure) return ['', cause.message, ...cause.logLines.map((line) => `    ${line}`), ''];
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const path = cause instanceof Error && 'path' in cause ? ` (${cause.path})` : '';
  if (code === 'ENOSPC') return ['', `The disk is full${path}. Free some space and start again.`, ''];
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return ['', `This user may not write in the data folder${path}. Set TENANTRY_DATA_DIR to a folder of yours.`, ''];
  }
  return ['', cause instanceof Error ? (cause.stack ?? cause.message) : String(cause), ''];
}
