/** What one end takes from the other. Each announces its own in the HELLO. */
export type LinkLimits = {
  /** Names, values and lengths of all headers, with the path. */
  readonly maxHeadBytes: number;
  /** Of one request or answer; more goes over HTTP. */
  readonly maxBodyBytes: number;
};

/** Enough for a page of a list or a form; what is longer would hold up the small ones behind it. */
export const DEFAULT_LIMITS: LinkLimits = { maxHeadBytes: 32_768, maxBodyBytes: 262_144 };
export const DEFAULT_WINDOW = 1_024;

/** Slots are u16. */
export const MAX_WINDOW = 65_536;
const MAX_HEAD_BYTES = 1_048_576;
const MAX_BODY_BYTES = 16_777_216;
/** Of the fixed fields of a request, the longest there are. */
const FIXED_BYTES = 16;

export const maxPayloadBytes = ({ maxHeadBytes, maxBodyBytes }: LinkLimits): number =>
  FIXED_BYTES + maxHeadBytes + maxBodyBytes;

export const areSane = ({ maxHeadBytes, maxBodyBytes }: LinkLimits): boolean =>
  isWithin(maxHeadBytes, 1, MAX_HEAD_BYTES) && isWithin(maxBodyBytes, 0, MAX_BODY_BYTES);

export const isWithin = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most;

/** Of our own configuration: throws a RangeError. */
export function checkLimits(limits: LinkLimits): LinkLimits {
  if (areSane(limits)) return limits;
  throw new RangeError(
    `Limits of a link are whole numbers: maxHeadBytes 1 to ${MAX_HEAD_BYTES}, maxBodyBytes 0 to ${MAX_BODY_BYTES}.`,
  );
}

export function checkWindow(window: number): number {
  if (isWithin(window, 1, MAX_WINDOW)) return window;
  throw new RangeError(`The window of a link is a whole number from 1 to ${MAX_WINDOW}, not ${window}.`);
}
