/**
 * What is wrong with an OpenAPI 3.1 document, in sentences; empty when nothing is. Checks the rules of the specification
 * that generated documents can break: unique operationIds, parameters and templates that agree, declared responses, known
 * JSON Schema keywords, resolvable references, media types, examples that fit.
 */
import { Compile } from 'typebox/compile';

type Json = Readonly<Record<string, unknown>>;

const METHODS = new Set(['get', 'put', 'post', 'delete', 'patch']);
const PLACES = new Set(['path', 'query', 'header']);
const TYPES = new Set(['object', 'array', 'string', 'integer', 'number', 'boolean', 'null']);
const SUBSCHEMAS = new Set(['items', 'additionalProperties', 'not', 'propertyNames']);
const SUBSCHEMA_LISTS = new Set(['anyOf', 'allOf', 'oneOf', 'prefixItems']);
const SUBSCHEMA_MAPS = new Set(['properties', 'patternProperties', '$defs']);
const PLAIN = new Set(
  `$ref const default description enum examples exclusiveMaximum exclusiveMinimum format maxItems maxLength maxProperties
  maximum minItems minLength minProperties minimum multipleOf pattern required title type uniqueItems`.split(/\s+/),
);

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const entries = (value: unknown): [string, unknown][] => (isObject(value) ? Object.entries(value) : []);

export function openApiFaults(document: unknown): string[] {
  const faults: string[] = [];
  // What a client gets is the text: whatever JSON drops must not matter.
  const root: unknown = JSON.parse(JSON.stringify(document));
  if (!isObject(root)) return ['not an object'];
  if (!/^3\.1\.\d+$/.test(String(root.openapi))) faults.push('openapi is not 3.1');
  if (!isObject(root.info) || typeof root.info.title !== 'string' || typeof root.info.version !== 'string')
    faults.push('info needs title and version');
  const names = new Map<string, string>();
  for (const [path, item] of entries(root.paths)) {
    if (!path.startsWith('/')) faults.push(`${path}: does not begin with a slash`);
    for (const [method, operation] of entries(item)) {
      const at = `${method} ${path}`;
      if (!METHODS.has(method)) faults.push(`${at}: no method`);
      if (!isObject(operation)) faults.push(`${at}: no operation`);
      else faults.push(...operationFaults(root, at, path, operation));
      const name = isObject(operation) ? String(operation.operationId) : '';
      if (names.has(name)) faults.push(`${at}: operationId ${name} is that of ${names.get(name)}`);
      names.set(name, at);
    }
  }
  const components = isObject(root.components) ? root.components : {};
  for (const [name, schema] of entries(components.schemas))
    faults.push(...schemaFaults(root, `component ${name}`, schema));
  return faults;
}

function operationFaults(root: Json, at: string, path: string, operation: Json): string[] {
  const faults: string[] = [];
  if (typeof operation.operationId !== 'string' || operation.operationId === '') faults.push(`${at}: no operationId`);
  if (typeof operation.summary !== 'string' || operation.summary === '') faults.push(`${at}: no summary`);
  const templated = [...path.matchAll(/\{([^}]*)\}/g)].map((match) => match[1] ?? '');
  if (path.replaceAll(/\{[^}]*\}/g, '').match(/[:{}]/)) faults.push(`${at}: odd template`);
  const parameters = Array.isArray(operation.parameters) ? (operation.parameters as Json[]) : [];
  const keys = parameters.map((parameter) => `${parameter.in} ${String(parameter.name).toLowerCase()}`);
  if (new Set(keys).size !== keys.length) faults.push(`${at}: a parameter is there twice`);
  const inPath = parameters.filter((parameter) => parameter.in === 'path').map((parameter) => String(parameter.name));
  if (templated.toSorted().join() !== inPath.toSorted().join()) faults.push(`${at}: path has other parameters`);
  for (const parameter of parameters) {
    const where = `${at} parameter ${parameter.name}`;
    if (!PLACES.has(String(parameter.in))) faults.push(`${where}: no place`);
    if (parameter.in === 'path' && parameter.required !== true) faults.push(`${where}: must be required`);
    faults.push(...schemaFaults(root, where, parameter.schema), ...exampleFaults(where, parameter));
  }
  if (isObject(operation.requestBody)) faults.push(...contentFaults(root, `${at} body`, operation.requestBody.content));
  const statuses = entries(operation.responses);
  if (!statuses.some(([status]) => status.startsWith('2'))) faults.push(`${at}: no success`);
  for (const [status, response] of statuses) {
    const where = `${at} ${status}`;
    if (!/^[1-5]\d\d$/.test(status)) faults.push(`${where}: no status`);
    if (!isObject(response) || typeof response.description !== 'string') faults.push(`${where}: no description`);
    else if (response.content !== undefined) faults.push(...contentFaults(root, where, response.content));
  }
  const schemes = isObject(root.components) ? root.components.securitySchemes : {};
  for (const requirement of (operation.security ?? []) as Json[])
    for (const name of Object.keys(requirement))
      if (!isObject(schemes) || !(name in schemes)) faults.push(`${at}: security scheme ${name} is not declared`);
  return faults;
}

function contentFaults(root: Json, at: string, content: unknown): string[] {
  const types = entries(content);
  if (types.length === 0) return [`${at}: no media type`];
  return types.flatMap(([type, media]) => {
    if (!/^[a-z]+\/[a-z0-9.+-]+$/.test(type) || !isObject(media)) return [`${at}: ${type} is no media type`];
    if (media.schema === undefined) return [];
    return [...schemaFaults(root, `${at} ${type}`, media.schema), ...exampleFaults(`${at} ${type}`, media)];
  });
}

function exampleFaults(at: string, holder: Json): string[] {
  if (holder.example === undefined || !isObject(holder.schema) || '$ref' in holder.schema) return [];
  return Compile(holder.schema).Check(holder.example) ? [] : [`${at}: its example does not fit`];
}

function schemaFaults(root: Json, at: string, schema: unknown): string[] {
  if (typeof schema === 'boolean') return [];
  if (!isObject(schema)) return [`${at}: no schema`];
  const faults: string[] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    const where = `${at}/${keyword}`;
    if (SUBSCHEMAS.has(keyword)) faults.push(...schemaFaults(root, where, value));
    else if (SUBSCHEMA_LISTS.has(keyword))
      for (const [index, inner] of (value as unknown[]).entries())
        faults.push(...schemaFaults(root, `${where}/${index}`, inner));
    else if (SUBSCHEMA_MAPS.has(keyword))
      for (const [name, inner] of entries(value)) faults.push(...schemaFaults(root, `${where}/${name}`, inner));
    else if (!PLAIN.has(keyword)) faults.push(`${where}: unknown keyword`);
  }
  if (schema.type !== undefined && ![schema.type].flat().every((type) => TYPES.has(String(type))))
    faults.push(`${at}: unknown type`);
  if (typeof schema.pattern === 'string' && !compiles(schema.pattern)) faults.push(`${at}: pattern does not compile`);
  for (const name of (schema.required ?? []) as string[])
    if (!isObject(schema.properties) || !(name in schema.properties)) faults.push(`${at}: requires unknown ${name}`);
  if (typeof schema.$ref === 'string' && resolve(root, schema.$ref) === undefined)
    faults.push(`${at}: ${schema.$ref} leads nowhere`);
  if (faults.length === 0 && !('$ref' in schema))
    for (const example of (schema.examples ?? []) as unknown[])
      if (!Compile(schema).Check(example)) faults.push(`${at}: an example of it does not fit`);
  return faults;
}

function compiles(pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

const resolve = (root: Json, reference: string): unknown =>
  reference
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), root);
