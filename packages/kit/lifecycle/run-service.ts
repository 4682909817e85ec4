import { type ConfigurationDefinition, ConfigurationError } from '../configuration.ts';
import { runProcess } from './process.ts';

/** Runs a service as a process, or, asked with `--print-config`, only says how it would run: without a connection. */
export async function runService<Value>(
  configuration: ConfigurationDefinition<Value>,
  open: (value: Value) => Promise<{ close: () => Promise<void> }>,
): Promise<void> {
  if (!process.argv.includes('--print-config')) {
    await runProcess(async () => open(configuration.read(process.env)));
    return;
  }
  try {
    process.stdout.write(configuration.print(process.env));
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
