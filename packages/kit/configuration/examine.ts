import { type TObject, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { convertTexts } from '../convert-texts.ts';
import { type SchemaError, toFieldErrors } from '../http/field-errors.ts';
import { FILE_VARIABLE, readConfigurationFile } from './configuration-file.ts';
import type { ProgramName } from './programs.ts';
import { parseReference, resolveReference, type Vault } from './references.ts';
import { secrecyOf } from './secrecy.ts';

export type Source = 'default' | 'file' | 'environment' | `reference ${string}`;

export type Examination = {
  readonly value: Readonly<Record<string, unknown>>;
  readonly sources: ReadonlyMap<string, Source>;
  readonly faults: readonly string[];
};

export type Examined = {
  readonly program: ProgramName;
  readonly schema: TObject;
  /** Names that other programs read and that may stand in the common part of the file. */
  readonly shared: Iterable<string>;
  /** From what is given, without defaults. */
  readonly vault: (given: Readonly<Record<string, unknown>>) => Vault;
};

const MASTER_KEY = 'TENANTRY_MASTER_KEY';

/** Everything that can be said of a configuration without connecting to anything: values, where from, what is wrong. */
export function examineConfiguration(examined: Examined, environment: NodeJS.ProcessEnv): Examination {
  const { schema } = examined;
  const properties = schema.properties as Readonly<Record<string, TSchema>>;
  const own = new Set(Object.keys(properties));
  const file = readConfigurationFile(environment[FILE_VARIABLE], {
    program: examined.program,
    own,
    shared: new Set([...own, ...examined.shared]),
  });
  const given: Record<string, unknown> = {};
  const sources = new Map<string, Source>();
  for (const name of own) {
    const fromEnvironment = environment[name];
    sources.set(name, fromEnvironment === undefined ? (file.values.has(name) ? 'file' : 'default') : 'environment');
    if (sources.get(name) !== 'default') given[name] = fromEnvironment ?? file.values.get(name);
  }
  const unresolved = resolveSecrets(examined, given, sources, environment);
  const value = Value.Default(schema, convertTexts(schema, given)) as Record<string, unknown>;
  const faults = toFieldErrors(schema, Value.Errors(Type.Object(properties), value) as unknown as SchemaError[], '')
    .map(({ path, message }) => ({ name: path.slice(1), message }))
    .filter(({ name, message }) => !unresolved.has(name) && (file.isKnown || message !== 'is required'))
    .map(({ name, message }) => `${name} ${explained(message, properties[name])}`);
  return {
    value,
    sources,
    faults: [...file.faults, ...[...unresolved].map(([name, fault]) => `${name} ${fault}`), ...faults],
  };
}

/** Replaces references by what they refer to; what cannot be resolved is taken away, and why is returned. */
function resolveSecrets(
  { schema: { properties }, vault }: Examined,
  given: Record<string, unknown>,
  sources: Map<string, Source>,
  environment: NodeJS.ProcessEnv,
): ReadonlyMap<string, string> {
  const faults = new Map<string, string>();
  // The master key first: it opens what the others may refer to.
  const names = Object.keys(given).sort((one, other) => Number(other === MASTER_KEY) - Number(one === MASTER_KEY));
  for (const name of names) {
    const schema = (properties as Readonly<Record<string, TSchema>>)[name];
    const text = given[name];
    if (schema === undefined || secrecyOf(schema) === 'none' || typeof text !== 'string') continue;
    const reference = parseReference(text);
    if (reference === null) continue;
    const resolved =
      'fault' in reference
        ? reference
        : name === MASTER_KEY && reference.kind === 'secret'
          ? { fault: 'cannot be kept in the store that it opens' }
          : resolveReference(reference, environment, vault(given));
    if ('value' in resolved) given[name] = resolved.value;
    else {
      faults.set(name, resolved.fault);
      delete given[name];
    }
    if ('text' in reference) sources.set(name, `reference ${reference.text}`);
  }
  return faults;
}

function explained(message: string, schema: TSchema | undefined): string {
  const description = schema !== undefined && 'description' in schema ? schema.description : undefined;
  return description === undefined || message.includes(String(description)) ? message : `${message} (${description})`;
}
