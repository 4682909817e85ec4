/** What is wrong with a configuration, all of it, without a value. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}
