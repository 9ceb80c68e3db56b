/** A setting is wrong. The message says what was expected, what was found, and where; it needs no stack. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}
