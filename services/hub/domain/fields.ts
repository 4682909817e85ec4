import type { ConfigurationLayer } from '@tenantry/contract/tenant-configuration.ts';
import { canonicalJson } from '@tenantry/kernel/canonical-json.ts';

type Section = Readonly<Record<string, unknown>>;

const isSection = (value: unknown): value is Section =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** RFC 6901 §3; routes are named by their path. */
const toToken = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** A rate is one value, as `mergeLayers` takes it. */
const isValue = (value: unknown): boolean => !isSection(value) || 'requestsPerSecond' in value;

/** Each value that a layer sets, in a form to compare, under its JSON Pointer. */
function valuesOf(section: Section, at = ''): Map<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(section)) {
    const pointer = `${at}/${toToken(name)}`;
    if (isValue(value)) values.set(pointer, canonicalJson(value));
    else for (const [inner, given] of valuesOf(value as Section, pointer)) values.set(inner, given);
  }
  return values;
}

/** What is set in one of two layers and not the same in the other. */
export function changedFields(before: ConfigurationLayer, after: ConfigurationLayer): readonly string[] {
  const old = valuesOf(before);
  const now = valuesOf(after);
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((pointer) => old.get(pointer) !== now.get(pointer))
    .toSorted();
}

/** What a layer sets in vain, because a later one sets it too. */
export function overruledFields(layer: ConfigurationLayer, later: ConfigurationLayer): readonly string[] {
  const lasting = valuesOf(later);
  return [...valuesOf(layer).keys()].filter((pointer) => lasting.has(pointer)).toSorted();
}
