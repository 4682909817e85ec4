import { ConfigurationError } from '@tenantry/kit/configuration.ts';
import { environmentOf } from './environment.ts';
import { PARTS } from './open-single.ts';

/** Says how each part would run, without a connection. */
export function printSingle(environment: NodeJS.ProcessEnv): void {
  const printed = PARTS.flatMap(({ name, print }) => {
    try {
      return [print(environmentOf(name, environment))];
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      process.stderr.write(`${name}: ${error.message}\n`);
      process.exitCode = 1;
      return [];
    }
  });
  process.stdout.write(printed.join('\n'));
}
