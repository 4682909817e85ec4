/** An assembly that cannot be: always a mistake in a service's `app.ts`, found when it starts. */
export class AssemblyError extends Error {
  override readonly name = 'AssemblyError';
}

export type Chain = readonly string[];

const show = (chain: Chain): string => chain.join(' → ');

export const missing = (chain: Chain): string => `Nobody provides ${chain.at(-1)}: ${show(chain)}.`;

/** The way into a cycle says nothing about it, so it is left out. */
export const cycle = (chain: Chain): string =>
  `Parts need each other in a circle: ${show(chain.slice(chain.indexOf(chain.at(-1) ?? '')))}.`;

export const captive = (chain: Chain): string =>
  `${chain[0]} lives as long as the assembly and would hold on to ${chain.at(-1)}, which ends with its scope: ${show(chain)}.`;
