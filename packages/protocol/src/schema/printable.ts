/** UTF-16 units of a caller's value that a message repeats. The service repeats all; ten megabytes help nobody. */
const PRINTED_MAX = 4096

/** A caller's value as a message repeats it. */
export function printable(value: string): string {
  return value.length <= PRINTED_MAX ? value : `${value.slice(0, PRINTED_MAX)}…`
}
