/** What a program of others needs of ours: where programs and libraries are, whose it is, language and zone. */
const INHERITED = /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|LD_\w+|DYLD_\w+)$/;

/**
 * Of what a server is to be started with, all but that which this process itself was merely told: passwords and keys come as
 * variables, and a store has no use for them. Nor for PG… of somebody's shell, which would send PostgreSQL to other data.
 */
export const serverEnvironment = (
  environment: NodeJS.ProcessEnv,
  ours: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(environment).filter(([name, value]) => ours[name] !== value || INHERITED.test(name)),
  );
