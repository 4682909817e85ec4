export type Address = { readonly host: string; readonly port: number };

export const readAddress = (environment: NodeJS.ProcessEnv, usualPort: number): Address => ({
  host: environment['HOST'] || '127.0.0.1',
  port: readPort(environment, 'PORT', usualPort),
});

/** 0 is any free port. Throws when the variable is no port. */
export function readPort(environment: NodeJS.ProcessEnv, name: string, usual: number): number {
  const port = Number(environment[name] || usual);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`${name} is "${environment[name]}", not a port.`);
  return port;
}
