/** Unknown fields are refused: a misspelt field must not be a silent default. */
export const object = (properties: object, required: readonly string[] = []) =>
  ({ type: 'object', additionalProperties: false, properties, required }) as const;

/** One kind of fault, told apart by its `kind`. */
export const kind = (name: string, properties: object = {}, required: readonly string[] = []) =>
  object({ kind: { const: name }, ...properties }, ['kind', ...required]);
