/**
 * What one of the services in this process is told: what all are told, with its own port, given as `USERS_PORT` and so on. As
 * processes of their own they would each have an environment, and be told no more than this.
 */
export function environmentOf(name: string, shared: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PORT: _, TENANTRY_OPERATOR_PASSWORD: operatorPassword, ...environment } = shared;
  return {
    ...environment,
    ...given('PORT', shared[`${name.toUpperCase()}_PORT`]),
    ...(name === 'users' ? given('TENANTRY_OPERATOR_PASSWORD', operatorPassword) : {}),
    // Nothing between them crosses a socket that anybody else could listen at.
    MESH_TLS: 'off',
    // There is one process, whatever is said elsewhere: rate limits are divided by this.
    GATEWAY_PROCESSES: '1',
  };
}

const given = (name: string, value: string | undefined): NodeJS.ProcessEnv =>
  value === undefined ? {} : { [name]: value };
