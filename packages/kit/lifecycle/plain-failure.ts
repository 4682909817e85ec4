import { ConfigurationError } from '../configuration.ts';
import { AssemblyError } from '../import-manager/assembly-error.ts';

/** Whether its message says all there is to say to whoever started the program: no stack would tell more. */
export const isPlainFailure = (error: unknown): error is Error =>
  error instanceof ConfigurationError || error instanceof AssemblyError;
