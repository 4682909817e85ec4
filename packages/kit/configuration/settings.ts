import type { TObject, TSchema } from 'typebox';
import { type Secrecy, secrecyOf } from './secrecy.ts';

/** One setting, as a person reads about it. */
export type Setting = {
  readonly name: string;
  readonly type: string;
  /** Undefined when it has to be given. */
  readonly byDefault: unknown;
  readonly isRequired: boolean;
  readonly description: string;
  readonly secrecy: Secrecy;
};

type Field = TSchema & {
  readonly type?: string;
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly { readonly const?: unknown }[];
};

export function listSettings(schema: TObject): readonly Setting[] {
  const required = new Set<string>('required' in schema ? (schema.required as readonly string[]) : []);
  return Object.entries<Field>(schema.properties as Readonly<Record<string, Field>>).map(([name, field]) => ({
    name,
    type: typeOf(field),
    byDefault: field.default,
    isRequired: required.has(name) && field.default === undefined,
    description: field.description ?? '',
    secrecy: secrecyOf(field),
  }));
}

function typeOf({ type, minimum, maximum, anyOf }: Field): string {
  if (anyOf !== undefined) return anyOf.map((choice) => String(choice.const)).join(' | ');
  const words = type === 'string' ? 'text' : (type ?? 'anything');
  if (minimum === undefined && maximum === undefined) return words;
  return `${words}, ${[minimum, maximum].map((bound) => bound ?? '').join('…')}`;
}
