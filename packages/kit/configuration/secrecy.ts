import { type TSchema, type TStringOptions, Type } from 'typebox';

/** 'whole': never shown. 'credentials': a URL that is shown without who and with which password. */
export type Secrecy = 'none' | 'credentials' | 'whole';

/** Never shown, and may be given by reference. */
export const SecretText = (options: TStringOptions) => Type.String({ ...options, secrecy: 'whole' });

/** The URL of a server, which may hold credentials: they are never shown, and the URL may be given by reference. */
export const ServerUrl = (options: TStringOptions) => Type.String({ ...options, secrecy: 'credentials' });

export function secrecyOf(schema: TSchema): Secrecy {
  const secrecy = 'secrecy' in schema ? schema.secrecy : undefined;
  return secrecy === 'whole' || secrecy === 'credentials' ? secrecy : 'none';
}
