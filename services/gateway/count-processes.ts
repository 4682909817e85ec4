import type { Discovery } from '@tenantry/mesh/discovery.ts';

/** Who shares the limits while Redis is away; gateways of one system run with as many processes each. */
export const countProcesses = (discovery: Discovery, each: number): number =>
  Math.max(1, discovery.instancesOf('gateway').length) * each;
